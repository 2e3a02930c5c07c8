"""Every length of a bar that can be loaded, against the minutes that its bars are made of."""

import unittest

from mesh_processes import MeshCase, outcome

MINUTES = {"2m": 2, "3m": 3, "5m": 5, "10m": 10, "15m": 15, "20m": 20, "30m": 30, "1h": 60, "2h": 120, "3h": 180,
           "4h": 240, "8h": 480, "1d": 1440, "1w": 10080}
WEEK = ["--from", "2020-03-02", "--to", "2020-03-09"]


def joined(rows):
    """One bar of many; volumes are whole numbers."""
    return [rows[0][0], rows[0][1], max(row[2] for row in rows), min(row[3] for row in rows), rows[-1][4],
            sum(row[5] for row in rows)]


class TimeframesTest(MeshCase):
    def rows(self, timeframe):
        loaded = outcome(self.json("data", "load", "SYNA", timeframe, *WEEK))["succeeded"]["load"]
        self.assertEqual(loaded["missing"], [])
        lines = self.ok("data", "export", "SYNA", timeframe, "--output=text").stdout().splitlines()[1:]
        return [[line.split(",")[0], *map(float, line.split(",")[1:])] for line in lines]

    def test_each_is_made_of_its_minutes(self):
        self.set_papergate_flags()  # without its limits
        self.up()
        minutes = self.rows("1m")
        self.assertEqual(len(minutes), 7 * 1440)
        for timeframe, length in MINUTES.items():
            with self.subTest(timeframe):
                want = [joined(minutes[i:i + length]) for i in range(0, len(minutes), length)]
                self.assertEqual(self.rows(timeframe), want)
                self.assertEqual(self.json("data", "gaps", "SYNA", timeframe), [])
        listed = [one["timeframe"] for one in self.json("data", "list", "SYNA")]
        self.assertEqual(listed, ["1m", *MINUTES])


    def test_months_are_made_of_their_days(self):
        self.set_papergate_flags()
        self.up()
        window = ["--from", "1999-12-01", "--to", "2026-04-01"]
        rows = {}
        for timeframe in ("1d", "1M"):
            loaded = outcome(self.json("data", "load", "SYNA", timeframe, *window))["succeeded"]["load"]
            self.assertEqual(loaded["missing"], [])
            rows[timeframe] = self.export("SYNA", timeframe)
        months = {}
        for row in rows["1d"]:
            months.setdefault(row[0][:7], []).append(list(row))
        del months["2000-01"]  # its days begin with the third
        self.assertEqual([list(row) for row in rows["1M"] if row[0][:7] in months],
                         [[month + "-01T00:00:00Z", *joined(months[month])[1:]] for month in sorted(months)])
        self.assertEqual(self.json("data", "gaps", "SYNA", "1M"), [])
        more = outcome(self.json("data", "load", "SYNA", "1M", "--mode", "tail", "--to", "2026-06-15"))
        self.assertEqual(more["succeeded"]["load"]["barsStored"], 2)


if __name__ == "__main__":
    unittest.main()
