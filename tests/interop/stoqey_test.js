// An independent TWS client, @stoqey/ib, against the real papergate.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');

const { Client, EventName } = require('./client');
const { EURUSD, SPX, stock } = require('./contracts');
const { Gateway, MARKET } = require('./gateway');

const SYN = stock('SYN1');

// The rows of a market file: [time, open, high, low, close, volume], times as they are written.
function fileRows(name) {
  const lines = fs.readFileSync(path.join(MARKET, name), 'utf8').trim().split('\n');
  return lines.slice(1).map((line) => {
    const [time, ...numbers] = line.split(',');
    return [time, ...numbers.map(Number)];
  });
}

const numbers = (bar) => [bar.open, bar.high, bar.low, bar.close, bar.volume];

// One connection to one papergate, for all tests of a group.
function withGateway(flags, body) {
  const fixture = {};
  before(async () => {
    fixture.gateway = await Gateway.start(...flags);
    fixture.client = await Client.connect(fixture.gateway.port);
  });
  after(async () => {
    await fixture.client.disconnect();
    assert.equal(await fixture.gateway.stop(), 0);
  });
  body(fixture);
}

function askEverything(fixture) {
  it('gets the first order id and the farms', () => {
    assert.equal(fixture.client.firstOrderId, 1);
    assert.equal(fixture.client.api.serverVersion, 178);
  });

  it('gets the time', async () => {
    const answer = fixture.client.once(EventName.currentTime);
    fixture.client.api.reqCurrentTime();
    const [seconds] = await answer;
    assert.ok(Math.abs(seconds - Date.now() / 1000) < 5, `${seconds}`);
  });

  it('resolves a currency pair', async () => {
    const [details, ...others] = await fixture.client.contractDetails(EURUSD);
    assert.equal(others.length, 0);
    assert.equal(details.contract.localSymbol, 'EUR.USD');
    assert.equal(details.contract.exchange, 'IDEALPRO');
    assert.equal(details.timeZoneId, 'UTC');
    assert.equal(details.minTick, 0.00005);
    assert.ok(details.contract.conId > 0);
  });

  it('resolves a contract by its number alone', async () => {
    const [spx] = await fixture.client.contractDetails(SPX);
    const [again] = await fixture.client.contractDetails({ conId: spx.contract.conId });
    assert.deepEqual(again, spx);
  });

  it('finds symbols by a part of their name', async () => {
    const [found] = await fixture.client.single(
      EventName.symbolSamples, (id) => fixture.client.api.reqMatchingSymbols(id, 's&p'));
    assert.deepEqual(
      found.map(({ contract }) => [contract.symbol, contract.secType, contract.currency]),
      [['SPX', 'IND', 'USD']]);
  });

  it('gets the first bar\'s time as text and as a number', async () => {
    const head = (format) => fixture.client.single(EventName.headTimestamp, (id) =>
      fixture.client.api.reqHeadTimestamp(id, SPX, 'TRADES', false, format));
    assert.deepEqual(await head(1), ['20000103-00:00:00']);
    const eurusd = await fixture.client.single(EventName.headTimestamp, (id) =>
      fixture.client.api.reqHeadTimestamp(id, EURUSD, 'MIDPOINT', false, 2));
    assert.deepEqual(eurusd, [String(Date.UTC(2017, 3, 19, 9) / 1000)]);
  });

  it('gets a year of daily bars, number for number', async () => {
    const bars = await fixture.client.bars(
      SPX, { end: '20080101-00:00:00', duration: '1 Y', size: '1 day' });
    const rows = fileRows('SPX-1d.csv').filter(([time]) => time.startsWith('2007'));
    assert.deepEqual(bars.map((bar) => [bar.time, ...numbers(bar)]),
      rows.map(([time, ...values]) => [time.slice(0, 10).replaceAll('-', ''), ...values]));
  });

  it('gets hourly bars with epoch seconds, up to the end of the file', async () => {
    const bars = await fixture.client.bars(
      EURUSD, { duration: '3 D', size: '1 hour', show: 'MIDPOINT', format: 2 });
    const rows = fileRows('EURUSD-1h.csv').filter(([time]) => time >= '2018-02-04T16:00:00Z');
    assert.equal(rows.at(-1)[0], '2018-02-07T15:00:00Z');
    assert.deepEqual(bars.map((bar) => [Number(bar.time), ...numbers(bar)]),
      rows.map(([time, ...values]) => [Date.parse(time) / 1000, ...values]));
  });

  it('gets times with a zone when it asks for text', async () => {
    const bars = await fixture.client.bars(EURUSD, {
      end: '20180105 12:00:00 US/Eastern', duration: '7200 S', size: '1 hour', show: 'MIDPOINT' });
    assert.deepEqual(bars.map((bar) => bar.time),
      ['20180105 15:00:00 UTC', '20180105 16:00:00 UTC']);
  });

  it('gets coarser bars made from finer ones', async () => {
    const week = { end: '20080114-00:00:00', duration: '1 W' };
    const days = await fixture.client.bars(SPX, { ...week, size: '1 day' });
    const [whole, ...others] = await fixture.client.bars(SPX, { ...week, size: '1W' });
    assert.equal(others.length, 0);
    assert.equal(whole.time, '20080107');
    assert.equal(whole.open, days[0].open);
    assert.equal(whole.close, days.at(-1).close);
    assert.equal(whole.high, Math.max(...days.map((day) => day.high)));
    assert.equal(whole.low, Math.min(...days.map((day) => day.low)));
    assert.equal(whole.volume, days.reduce((sum, day) => sum + day.volume, 0));
  });

  it('gets the same made-up bars from every request', async () => {
    const end = '20240105-00:00:00';
    const long = await fixture.client.bars(SYN, { end, duration: '1 D', size: '1 min' });
    const short = await fixture.client.bars(SYN, { end, duration: '600 S', size: '1 min' });
    assert.equal(long.length, 1440);
    assert.deepEqual(long.slice(-10), short);
    for (const bar of long) {
      assert.ok(bar.high >= Math.max(bar.open, bar.close), bar.time);
      assert.ok(bar.low <= Math.min(bar.open, bar.close), bar.time);
    }
  });

  it('gets the days of trading', async () => {
    const [from, to, zone, sessions] = await fixture.client.single(
      EventName.historicalSchedule, (id) => fixture.client.api.reqHistoricalData(
        id, SPX, '20080114-00:00:00', '1 W', '1 day', 'SCHEDULE', 1, 1, false));
    assert.deepEqual([from, to, zone], ['20080107-00:00:00', '20080114-00:00:00', 'UTC']);
    assert.deepEqual(sessions.map((session) => session.refDate),
      ['20080107', '20080108', '20080109', '20080110', '20080111']);
  });
}

const REFUSALS = [
  ['a symbol without data', 200, /No security definition/, stock('NONE'), { duration: '1 D', size: '1 day' }],
  ['dates outside the series', 162, /HMDS query returned no data: SPX@CBOE Trades/, SPX,
    { end: '19900101-00:00:00', duration: '1 M', size: '1 day' }],
  ['bars finer than the file', 162, /no data/, SPX, { duration: '1 D', size: '1 hour' }],
  ['trades of a currency', 162, /No historical market data for EUR\/CASH@IDEALPRO Last 3600/, EURUSD,
    { duration: '1 D', size: '1 hour' }],
  ['an unknown bar size', 321, /bar size setting is invalid\. Legal ones are: 1 secs/, SPX,
    { duration: '1 D', size: '1 minute' }],
  ['a duration of too many days', 321, /longer than 365 days must be made in years/, SPX,
    { duration: '366 D', size: '1 day' }],
  ['an unknown kind of price', 321, /invalid/, SPX, { duration: '1 D', size: '1 day', show: 'LAST' }],
  ['an end date that is none', 10314, /End Date\/Time/, SPX,
    { end: 'yesterday', duration: '1 D', size: '1 day' }],
  ['seconds over a month', 162, /invalid step/, SYN, { duration: '1 M', size: '5 secs' }],
  ['a contract without an exchange', 321, /Please enter exchange/, { ...SPX, exchange: '' },
    { duration: '1 D', size: '1 day' }],
  ['live bars with an end date', 321, /kept up to date/, SPX,
    { end: '20080114-00:00:00', duration: '1 W', size: '1 day', live: true }],
];

describe('a client', () => withGateway(['--no-limits'], (fixture) => {
  askEverything(fixture);
  for (const [name, code, text, contract, request] of REFUSALS) {
    it(`is refused ${name} with ${code}`, async () => {
      await assert.rejects(fixture.client.bars(contract, request),
        (error) => error.code === code && text.test(error.message));
    });
  }
}));

describe('a client of a gateway that writes single bytes', () =>
  withGateway(['--no-limits', '--one-byte-writes'], askEverything));

// Subscribes, and collects the first `count` updates.
async function updatesOf(client, contract, request, count) {
  const updates = [];
  const id = ++client.lastId;
  const enough = new Promise((resolve) => {
    const onUpdate = (reqId, time, open, high, low, close, volume) => {
      if (reqId !== id) return;
      updates.push({ time, open, high, low, close, volume });
      if (updates.length < count) return;
      client.api.off(EventName.historicalDataUpdate, onUpdate);
      resolve();
    };
    client.api.on(EventName.historicalDataUpdate, onUpdate);
  });
  const bars = await client.bars(contract, { ...request, live: true, id });
  await enough;
  return { id, bars, updates };
}

// A clock that runs 600 times as fast gives a new minute each tenth of a second.
const FAST = ['--no-limits', '--live-interval-ms', '20', '--clock-speed', '600'];

describe('a subscriber', () => withGateway(FAST, (fixture) => {
  it('sees a made-up series go on as its history', async () => {
    const { client } = fixture;
    const { id, updates } = await updatesOf(
      client, SYN, { duration: '3600 S', size: '1 min', format: 2 }, 30);
    client.api.cancelHistoricalData(id);
    const times = [...new Set(updates.map((update) => update.time))];
    assert.ok(times.length >= 3, `${times.length} bars`);
    // All but the newest have ended: history now tells what the last update of each said.
    const history = await client.bars(SYN, { duration: '3600 S', size: '1 min', format: 2 });
    for (const time of times.slice(0, -1)) {
      const last = updates.findLast((update) => update.time === time);
      const bar = history.find((one) => one.time === time);
      assert.deepEqual([last.open, last.high, last.low, last.close, last.volume], numbers(bar));
    }
  });

  it('sees a recorded series go on from its last close', async () => {
    const { client } = fixture;
    const { id, bars, updates } = await updatesOf(
      client, EURUSD, { duration: '1 D', size: '1 hour', show: 'MIDPOINT' }, 5);
    client.api.cancelHistoricalData(id);
    assert.equal(bars.at(-1).close, 1.22904);
    assert.equal(updates[0].open, 1.22904);
    assert.ok(updates.every((update) => Math.abs(update.close / 1.22904 - 1) < 0.01));
  });

  it('is told that a cancelled query is cancelled', async () => {
    const { client } = fixture;
    const { id } = await updatesOf(client, SYN, { duration: '3600 S', size: '1 min' }, 1);
    const told = new Promise((resolve) => {
      client.api.on(EventName.error, (error, code, reqId) => {
        if (reqId === id) resolve([code, error.message]);
      });
    });
    client.api.cancelHistoricalData(id);
    const [code, text] = await told;
    assert.equal(code, 162);
    assert.match(text, new RegExp(`API historical data query cancelled: ${id}`));
    assert.equal((await fixture.gateway.logged('cancelHistoricalData')).client, 7);
  });
}));

describe('two clients', () => withGateway([], (fixture) => {
  it('cannot have the same id', async () => {
    const second = new Client(fixture.gateway.port, 7);
    const closed = second.once(EventName.disconnected);
    second.api.connect();
    await closed;
    assert.deepEqual(second.infos.map((info) => info.code), [326]);
  });

  it('work side by side under two ids', async () => {
    const second = await Client.connect(fixture.gateway.port, 8);
    const ask = (client) =>
      client.bars(SPX, { end: '20080114-00:00:00', duration: '1 W', size: '1 day' });
    const [mine, yours] = await Promise.all([ask(fixture.client), ask(second)]);
    assert.deepEqual(mine, yours);
    await second.disconnect();
  });

  it('may not repeat a request for small bars within 15 seconds', async () => {
    const small = { end: '20240105-00:00:00', duration: '60 S', size: '5 secs' };
    assert.equal((await fixture.client.bars(SYN, small)).length, 12);
    await assert.rejects(fixture.client.bars(SYN, small), (error) =>
      error.code === 162 && /pacing violation/.test(error.message));
  });

  it('cannot cancel what is not open', async () => {
    const told = new Promise((resolve) => {
      fixture.client.api.on(EventName.error, (error, code, id) => id === 999 && resolve(code));
    });
    fixture.client.api.cancelHistoricalData(999);
    assert.equal(await told, 366);
  });
}));
