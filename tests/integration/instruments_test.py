"""Which instrument is meant: by whatever text, of each kind, and what its bars are made of."""

import unittest

from mesh_processes import outcome
from scripted import DAY, NO_DATA, Contract, ScriptedGateway, at, bar, same_contract
from served import LayersCase

WINDOW = ["--from", "2026-11-02", "--to", "2026-11-07"]
DAYS = range(at("2026-11-02"), at("2026-11-07"), DAY)
NOT_FOUND, REFUSED = 3, 5


class InstrumentsCase(LayersCase):
    PRICE = {"BID": 10.2, "ASK": 10.4}  # the close

    def setUp(self):
        super().setUp()
        self.gateway = ScriptedGateway(self.answer)
        self.addCleanup(self.gateway.close)
        self.start_layers(self.gateway.address)

    def answer(self, ask):
        close = self.PRICE.get(ask.prices, 10.5)
        return [bar(t, close=close) for t in DAYS if ask.from_s <= t < ask.end_s] or NO_DATA

    def load(self, symbol, *flags):
        return outcome(self.json("data", "load", symbol, "1d", *WINDOW, *flags))["succeeded"]["load"]

    def listed(self):
        return [(one["symbol"], one["prices"], one["session"]) for one in self.json("data", "list")]

    def rows(self, symbol, *flags):
        lines = self.ok("data", "export", symbol, "1d", "--output=text", *flags).stdout().splitlines()
        return [line.split(",") for line in lines[1:]]


class TextsTest(InstrumentsCase):
    PAIR = ["EURUSD", "eurusd", "EUR.USD", "EUR/USD", "EUR:CASH:IDEALPRO:USD", "CONID:12087792"]

    def details(self, asked):
        if asked.con_id == 12087792 or (asked.symbol, asked.kind, asked.currency) == ("EUR", "CASH", "USD"):
            return [Contract(12087792, "EUR", "CASH", "IDEALPRO", "USD", name="European Monetary Union Euro")]
        return same_contract(asked)

    def test_each_text_of_an_instrument_is_one_series(self):
        self.gateway.details = self.details
        for i, text in enumerate(self.PAIR):
            loaded = self.load(text)
            self.assertEqual((loaded["symbol"], loaded["barsStored"]), ("EURUSD", 5 if i == 0 else 0), text)
        self.assertEqual(self.listed(), [("EURUSD", "MIDPOINT", "all")])
        self.assertEqual(len(self.gateway.asks), 1)
        # Known from then on: nobody was asked again, but for the number.
        self.assertEqual([asked.con_id for asked in self.gateway.resolved], [0, 12087792])
        self.gateway.close()
        self.host.end()
        for text in self.PAIR:
            self.assertEqual(len(self.rows(text)), 5, text)
            self.assertIn("EURUSD 1d", self.ok("data", "show", text, "1d", "--output=text").stdout())
            self.assertEqual(self.json("data", "gaps", text, "1d"), [])
            self.assertEqual(len(self.json("data", "list", text)), 1, text)

    def test_a_number_alone_gets_a_name(self):
        self.gateway.details = lambda asked: [
            Contract(265598, "AAPL", "STK", "SMART", "USD", primary="NASDAQ", name="APPLE INC")]
        self.assertEqual(self.load("conid:265598")["symbol"], "AAPL:STK:SMART/NASDAQ:USD")
        self.assertEqual(self.load("AAPL")["barsStored"], 0)
        self.assertEqual(self.listed(), [("AAPL:STK:SMART/NASDAQ:USD", "TRADES", "regular")])
        self.assertEqual(len(self.rows("aapl")), 5)

    def test_several_are_a_choice(self):
        fitting = [Contract(1, "AAA", "STK", "SMART", "USD", primary="NASDAQ", name="ALPHA INC"),
                   Contract(1, "AAA", "STK", "NASDAQ", "USD", primary="NASDAQ", name="ALPHA INC"),
                   Contract(2, "AAA", "STK", "SMART", "EUR", primary="AEB", name="ALPHA NV")]
        self.gateway.details = lambda asked: [
            one for one in fitting if not asked.primary or one.primary == asked.primary]
        done = self.millrace("data", "load", "AAA", "1d", *WINDOW, "--output=text")
        self.check_one_line(done, "AAA is 2 instruments: name one of AAA:STK:SMART/NASDAQ:USD (ALPHA INC), "
                                  "AAA:STK:SMART/AEB:EUR (ALPHA NV)", code=REFUSED)
        self.assertEqual(self.load("AAA:STK:SMART/AEB:EUR")["barsStored"], 5)
        self.assertEqual(self.listed(), [("AAA:STK:SMART/AEB:EUR", "TRADES", "regular")])

    def test_choices_of_one_name_are_told_by_their_numbers(self):
        self.gateway.details = lambda asked: [
            Contract(71, "AAA", "STK", "SMART", "USD", primary="NASDAQ", name="ALPHA INC"),
            Contract(72, "AAA", "STK", "SMART", "USD", primary="NASDAQ", name="ALPHA INC WHEN ISSUED"),
            Contract(73, "AAA", "STK", "SMART", "USD", primary="ARCA", name="ALPHA FUND")]
        done = self.millrace("data", "load", "AAA", "1d", *WINDOW, "--output=text")
        self.check_one_line(done, "name one of CONID:71 (ALPHA INC), CONID:72 (ALPHA INC WHEN ISSUED), "
                                  "AAA:STK:SMART/ARCA:USD (ALPHA FUND)", code=REFUSED)

    def test_what_is_not_what_was_asked_for_is_refused(self):
        for symbol, found, why in [
                ("AAA", Contract(1, "BBB", "STK", "SMART", "USD"), "its symbol is BBB, not AAA"),
                ("AAA", Contract(1, "AAA", "CFD", "SMART", "USD"), "its kind is CFD, not STK"),
                ("AAA", Contract(1, "AAA", "STK", "MEXI", "MXN"), "its currency is MXN, not USD"),
                ("CONID:7", Contract(8, "AAA", "STK", "SMART", "USD"), "its number is 8, not 7"),
                ("ES:FUT:CME:USD:202712", Contract(1, "ES", "FUT", "CME", "USD", expiry="20280616"),
                 "its expiry is 20280616, not 202712")]:
            with self.subTest(why):
                self.gateway.details = lambda asked, found=found: [found]
                done = self.millrace("data", "load", symbol, "1d", *WINDOW, "--output=text")
                self.check_one_line(done, symbol + ": the source answers with another one: " + why, code=REFUSED)
        self.assertEqual(self.gateway.asks, [])
        self.assertEqual(self.json("data", "list"), [])

    def test_a_thousand_are_a_choice(self):
        self.gateway.details = lambda asked: [
            Contract(i, "ES", "FUT", "CME", "USD", expiry="20%02d%02d18" % (27 + i // 12, 1 + i % 12))
            for i in range(1, 60)]
        done = self.millrace("data", "load", "ES:FUT:CME:USD", "1d", *WINDOW, "--output=text")
        self.check_one_line(done, "ES:FUT:CME:USD:20270218, ", ", and 51 more", code=REFUSED)

    def test_what_nobody_knows(self):
        self.gateway.details = lambda asked: []
        done = self.millrace("data", "load", "NOPE", "1d", *WINDOW, "--output=text")
        self.check_one_line(done, "NOPE", "No security definition", code=NOT_FOUND)
        self.assertEqual(self.json("data", "list"), [])

    def test_what_is_no_instrument(self):
        for text, says in [("A:B", "use SYMBOL:KIND:EXCHANGE:CURRENCY"), ("A:STK:SMART:USD:202712", "only a FUT"),
                           ("A  B", "has byte 0x20 at position 3"), ("CONID:x", "a number of 1 to 15 digits")]:
            with self.subTest(text):
                self.check_one_line(self.millrace("data", "load", text, "1d", "--output=text"), says, code=2)


class KindsTest(InstrumentsCase):
    """One of each kind: what the gateway is asked for."""

    KINDS = [
        ("BRK.B", "BRK B", ("BRK B", "STK", "SMART", "USD", "", "TRADES", True)),
        ("spx", "SPX", ("SPX", "IND", "CBOE", "USD", "", "TRADES", True)),
        ("USDJPY", "USDJPY", ("USD", "CASH", "IDEALPRO", "JPY", "", "MIDPOINT", False)),
        ("ES:FUT:CME:USD:202712", None, ("ES", "FUT", "CME", "USD", "202712", "TRADES", False)),
        ("ES:CONTFUT:CME:USD", None, ("ES", "CONTFUT", "CME", "USD", "", "TRADES", False)),
        ("BTC:CRYPTO:PAXOS:USD", None, ("BTC", "CRYPTO", "PAXOS", "USD", "", "AGGTRADES", False)),
        ("IBUS500:CFD:SMART:USD", None, ("IBUS500", "CFD", "SMART", "USD", "", "MIDPOINT", False)),
        ("XAUUSD:CMDTY:SMART:USD", None, ("XAUUSD", "CMDTY", "SMART", "USD", "", "MIDPOINT", False)),
    ]

    def test_each_is_loaded_shown_and_exported(self):
        for text, name, wanted in self.KINDS:
            with self.subTest(text):
                loaded = self.load(text)
                self.assertEqual((loaded["symbol"], loaded["barsStored"]), (name or text, 5))
                ask = self.gateway.asks[-1]
                self.assertEqual((ask.symbol, ask.kind, ask.exchange, ask.currency, ask.expiry, ask.prices,
                                  ask.regular), wanted)
                continuous = wanted[1] == "CONTFUT"
                self.assertEqual(ask.end == "", continuous)  # a gateway refuses an end of such
                self.assertEqual(ask.con_id == "0", continuous)
                self.assertEqual(len(self.rows(text)), 5)
                self.assertIn(loaded["symbol"], self.ok("data", "show", text, "1d", "--output=text").stdout())
        self.assertEqual(len(self.listed()), len(self.KINDS))

    def test_a_bond_is_called_by_its_number(self):
        self.gateway.details = lambda asked: [
            Contract(148049302, "US-T", "BOND", "SMART", "USD", expiry="20270331", name="US TREASURY 2 1/4")]
        self.assertEqual(self.load("CONID:148049302")["symbol"], "CONID:148049302")
        self.assertEqual(self.gateway.asks[-1].con_id, "148049302")
        self.assertEqual(len(self.rows("conid:148049302")), 5)


class PricesTest(InstrumentsCase):
    def test_each_kind_of_price_is_a_series(self):
        for flags in [[], ["--prices", "bid"], ["--prices", "ASK"], ["--session", "all"]]:
            self.assertEqual(self.load("AAPL", *flags)["barsStored"], 5)
        self.assertEqual(self.listed(), [("AAPL", "ASK", "regular"), ("AAPL", "BID", "regular"),
                                         ("AAPL", "TRADES", "all"), ("AAPL", "TRADES", "regular")])
        self.assertEqual([(ask.prices, ask.regular) for ask in self.gateway.asks],
                         [("TRADES", True), ("BID", True), ("ASK", True), ("TRADES", False)])
        for flags, close in [([], "10.5"), (["--prices", "BID"], "10.2"), (["--prices", "ask"], "10.4")]:
            self.assertEqual({row[4] for row in self.rows("AAPL", *flags)}, {close})
        text = self.ok("data", "list", "--output=text").stdout()
        self.assertEqual(text.count("ASK\n") + text.count("BID\n") + text.count("  all hours\n"), 3, text)
        self.assertIn("AAPL 1d, ib, BID: 5 bars",
                      self.ok("data", "show", "AAPL", "1d", "--prices=bid", "--output=text").stdout())

    def test_which_one_is_meant_must_be_said_where_none_is_the_usual_one(self):
        self.load("AAPL", "--prices", "BID")
        self.assertEqual({row[4] for row in self.rows("AAPL")}, {"10.2"})
        self.load("AAPL", "--prices", "ASK")
        done = self.millrace("data", "show", "AAPL", "1d", "--output=text")
        self.check_one_line(done, "AAPL 1d is stored with several prices or sessions: name them (--prices, "
                                  "--session): ASK regular, BID regular", code=REFUSED)
        self.load("AAPL")
        self.assertEqual({row[4] for row in self.rows("AAPL")}, {"10.5"})

    def test_what_is_usual_is_a_setting(self):
        self.backend.end()
        self.backend, self.backend_tcp = self.serve(
            "millrace-backend", self.backend_unix, "--home", self.home, "--ib-host", self.host_unix,
            "--prices", "bid", "--session", "all")
        self.assertEqual((self.load("AAPL")["prices"], self.gateway.asks[-1].regular), ("BID", False))
        self.assertEqual(self.load("AAPL", "--prices=TRADES", "--session=regular")["barsStored"], 5)
        self.assertEqual({row[4] for row in self.rows("AAPL")}, {"10.2"})

    def test_adjusted_prices_end_now(self):
        loaded = self.load("AAPL", "--prices", "ADJUSTED_LAST")
        self.assertEqual((loaded["barsStored"], self.gateway.asks[-1].end), (5, ""))

    def test_prices_that_are_none(self):
        for flags, says in [(["--prices", "LAST"], "prices 'LAST': use TRADES, MIDPOINT"),
                            (["--session", "night"], "night")]:
            done = self.millrace("data", "load", "AAPL", "1d", *flags, "--output=text")
            self.check_one_line(done, says, code=2)


if __name__ == "__main__":
    unittest.main()
