// @stoqey/ib with promises: each method sends one request and resolves with its whole answer.
'use strict';

const { IBApi, EventName } = require('@stoqey/ib');

class RequestError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

class Client {
  // Connects and resolves when the gateway has sent the first order id.
  static async connect(port, clientId = 7) {
    const client = new Client(port, clientId);
    const ready = client.once(EventName.nextValidId);
    client.api.connect();
    client.firstOrderId = (await ready)[0];
    return client;
  }

  constructor(port, clientId) {
    this.api = new IBApi({ host: '127.0.0.1', port, clientId });
    this.lastId = 0;
    this.infos = [];
    this.api.on(EventName.info, (text, code) => this.infos.push({ code, text }));
    this.api.on(EventName.error, () => {}); // each request listens for its own
  }

  once(event) {
    return new Promise((resolve) => {
      this.api.once(event, (...args) => resolve(args));
    });
  }

  // Sends a request with a new id and hands each `event` for it to `take` until that returns true.
  request(event, send, take, reqId = ++this.lastId) {
    return new Promise((resolve, reject) => {
      const onEvent = (id, ...args) => {
        if (id === reqId && take(...args)) settle(resolve);
      };
      const onError = (error, code, id) => {
        if (id === reqId) settle(reject, new RequestError(code, error.message));
      };
      const settle = (how, value) => {
        this.api.off(event, onEvent);
        this.api.off(EventName.error, onError);
        how(value);
      };
      this.api.on(event, onEvent);
      this.api.on(EventName.error, onError);
      send(reqId);
    });
  }

  // Resolves with the bars: {time, open, high, low, close, volume, count, average}.
  async bars(contract, { end = '', duration, size, show = 'TRADES', format = 1, live = false, id }) {
    const bars = [];
    const take = (time, open, high, low, close, volume, count, average) => {
      if (time.startsWith('finished')) return true;
      bars.push({ time, open, high, low, close, volume, count, average });
      return false;
    };
    await this.request(
      EventName.historicalData,
      (reqId) =>
        this.api.reqHistoricalData(
          reqId, contract, end, duration, size, show, 0, format, live),
      take, id);
    return bars;
  }

  async single(event, send) {
    let answer;
    await this.request(event, send, (...args) => {
      answer = args;
      return true;
    });
    return answer;
  }

  async contractDetails(contract) {
    const found = [];
    const onDetails = (id, details) => found.push(details);
    this.api.on(EventName.contractDetails, onDetails);
    await this.request(
      EventName.contractDetailsEnd, (id) => this.api.reqContractDetails(id, contract), () => true);
    this.api.off(EventName.contractDetails, onDetails);
    return found;
  }

  // Resolves when the connection is closed.
  disconnect() {
    const closed = this.once(EventName.disconnected);
    this.api.disconnect();
    return closed;
  }
}

module.exports = { Client, RequestError, EventName };
