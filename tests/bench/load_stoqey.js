// Reads bars of one minute from a gateway with @stoqey/ib, one request after the other, and prints
// as JSON how long that took: node load_stoqey.js PORT SYMBOL BARS SECONDS_A_REQUEST
'use strict';

const { IBApi, EventName } = require('@stoqey/ib');

const [port, symbol, bars, seconds] = process.argv.slice(2);
const contract = { symbol, secType: 'STK', exchange: 'SMART', currency: 'USD' };
const requests = Math.ceil((bars * 60) / seconds);
// Its own limit of 40 requests a second is for real gateways; this one has none.
const api = new IBApi({ host: '127.0.0.1', port: Number(port), clientId: 99, maxReqPerSec: 100000 });

function endText(request) {
  const time = new Date(Date.UTC(2015, 0, 1) + request * seconds * 1000).toISOString();
  return time.slice(0, 10).replaceAll('-', '') + '-' + time.slice(11, 19);
}

function ask(request) {
  const duration = seconds < 86400 ? `${seconds} S` : `${seconds / 86400} D`;
  api.reqHistoricalData(
    request, contract, endText(request), duration, '1 min', 'TRADES', 0, 2, false);
}

let start;
let count = 0;
api.on(EventName.nextValidId, () => {
  start = process.hrtime.bigint();
  ask(1);
});
api.on(EventName.historicalData, (request, time) => {
  if (!time.startsWith('finished')) {
    count++;
  } else if (request < requests) {
    ask(request + 1);
  } else {
    const elapsed = Number(process.hrtime.bigint() - start) / 1e9;
    console.log(JSON.stringify({ bars: count, elapsed }));
    process.exit(0);
  }
});
api.on(EventName.error, (error, code, request) => {
  if (request < 0) return; // news of the connection
  console.error(`request ${request}: ${code} ${error.message}`);
  process.exit(1);
});
api.connect();
