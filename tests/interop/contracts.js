// The contracts that the tests ask for.
'use strict';

const EURUSD = { symbol: 'EUR', secType: 'CASH', exchange: 'IDEALPRO', currency: 'USD' };
const SPX = { symbol: 'SPX', secType: 'IND', exchange: 'CBOE', currency: 'USD' };
const stock = (symbol) => ({ symbol, secType: 'STK', exchange: 'SMART', currency: 'USD' });

module.exports = { EURUSD, SPX, stock };
