"""Operations by name, through OperationsService and through the standard interface beside it."""

import time
import unittest

import grpc

from mesh_processes import wait_for
from reflected import Client
from served import LOAD, ServedCase

OURS, STANDARD = "millrace.v1.OperationsService/", "google.longrunning.Operations/"
STATES = {"succeeded": "SUCCEEDED", "failed": "FAILED", "cancelled": "CANCELLED"}


class OperationsCase(ServedCase):
    """A client of the backend."""

    def setUp(self):
        super().setUp()
        self.client = Client(self.backend_unix)
        self.addCleanup(self.client.channel.close)

    def ours(self, method, **request):
        return list(self.client.call(OURS + method, request))

    def standard(self, method, **request):
        """The one answer that a unary method has."""
        answer, = self.client.call(STANDARD + method, request)
        return answer

    def load(self, timeframe="1h", **labels):
        """Starts a load of EURUSD that goes on alone; returns its name."""
        request = {**LOAD, "timeframe": timeframe, "start": {"detached": True, "labels": labels}}
        events = self.client.call("millrace.v1.DataService/Load", request)
        name = next(events)["operation"]
        events.cancel()
        return name

    def finished(self, **labels):
        """A load that has ended; returns its name."""
        name = self.load(**labels)
        self.assertIn("outcome", self.ours("Watch", name=name)[-1])
        return name

    def names(self, **request):
        return [one["name"] for one in self.ours("List", **request)]

    def refused(self, code, words, call, *args, **request):
        with self.assertRaises(grpc.RpcError) as failure:
            call(*args, **request)
        self.assertEqual(failure.exception.code(), code)
        for word in words:
            self.assertIn(word, failure.exception.details())


class ListTest(OperationsCase):
    def test_filters_by_label_kind_state_and_time(self):
        first, second = self.finished(team="fx", run="1"), self.finished(team="fx", run="2")
        third = self.finished(team="rates")
        self.assertEqual(self.names(), [third, second, first])
        self.assertEqual(self.names(labels={"team": "fx"}), [second, first])
        self.assertEqual(self.names(labels={"team": "fx", "run": "1"}), [first])
        self.assertEqual(self.names(labels={"team": "f"}), [])
        self.assertEqual(self.names(kind="load", state="SUCCEEDED"), [third, second, first])
        self.assertEqual(self.names(kind="fetch"), [])
        self.assertEqual(self.names(state="RUNNING"), [])
        created = self.ours("Get", name=second)[0]["created"]
        self.assertEqual(self.names(createdFrom=created), [third, second])
        self.assertEqual(self.names(createdTo=created), [first])
        self.assertEqual(self.ours("Get", name=first)[0]["labels"], {"team": "fx", "run": "1"})

    def test_pages_are_without_a_gap_or_an_overlap(self):
        loads = [self.finished(run=str(number)) for number in range(5)][::-1]
        seen = []
        while True:
            page = self.names(limit=2, after=seen[-1] if seen else "")
            seen += page
            if len(page) < 2:
                break
        self.assertEqual(seen, loads)
        seen, token = [], ""
        while True:
            page = self.standard("ListOperations", pageSize=2, pageToken=token)
            seen += [one["name"] for one in page["operations"]]
            token = page.get("nextPageToken")
            if token is None:
                break
        self.assertEqual(seen, loads)

    def test_bad_fields_are_named(self):
        code = grpc.StatusCode.INVALID_ARGUMENT
        for request, word in [({"limit": -1}, "limit"), ({"labels": {"Team": "x"}}, "Team"),
                              ({"createdFrom": "2020-01-02T00:00:00Z",
                                "createdTo": "2020-01-01T00:00:00Z"}, "created_to")]:
            with self.subTest(word):
                self.refused(code, [word], self.ours, "List", **request)
        for request, word in [({"filter": "done=true"}, "done=true"), ({"pageSize": -1}, "page_size"),
                              ({"pageToken": "no-such"}, "no-such")]:
            with self.subTest(word):
                self.refused(code, [word], self.standard, "ListOperations", **request)
        self.refused(grpc.StatusCode.NOT_FOUND, ["no-such"], self.ours, "List", after="no-such")


class MomentTest(OperationsCase):
    """Get with at_sequence tells what the events tell."""

    def test_each_moment_of_a_load(self):
        name = self.finished(team="fx")
        events = self.ours("Events", name=name)
        self.assertEqual([int(event["sequence"]) for event in events],
                         list(range(1, len(events) + 1)))
        want = {"name": name, "state": "RUNNING", "created": events[0]["time"],
                **{key: events[0]["accepted"][key] for key in ["kind", "title", "detached", "labels"]}}
        for event in events:
            want.update(updated=event["time"], epoch=event["epoch"],
                        lastSequence=event["sequence"])
            if "cancelRequested" in event:
                want["state"] = "CANCELLING"
            if "checkpoint" in event:
                want["checkpoint"] = event["checkpoint"]
            if "outcome" in event:
                want["outcome"] = event["outcome"]
                want["state"] = STATES[next(iter(event["outcome"]))]
            self.assertEqual(self.ours("Get", name=name, atSequence=event["sequence"]), [want])
        now, = self.ours("Get", name=name)
        times = {"created": want["created"], "updated": want["updated"]}
        self.assertEqual({**now, **times}, want)

    def test_there_is_no_event_beyond_the_last(self):
        name = self.finished()
        last = int(self.ours("Get", name=name)[0]["lastSequence"])
        self.refused(grpc.StatusCode.OUT_OF_RANGE,
                     ["%s has %d events: there is no event %d" % (name, last, last + 2)],
                     self.ours, "Get", name=name, atSequence=last + 2)

    def test_deleting_leaves_nothing(self):
        name, other = self.finished(), self.finished()
        count = len(self.ours("Events", name=name))
        self.assertEqual(self.ours("Delete", name=name), [{"events": str(count)}])
        self.assertEqual(self.names(), [other])
        for method in ["Get", "Events", "Watch", "Cancel", "Delete"]:
            with self.subTest(method):
                self.refused(grpc.StatusCode.NOT_FOUND, [name], self.ours, method, name=name)


class StandardTest(OperationsCase):
    def test_it_shows_the_same(self):
        name = self.finished(team="fx")
        shown, ours = self.standard("GetOperation", name=name), self.ours("Get", name=name)[0]
        self.assertTrue(shown["done"])
        self.assertEqual(shown["metadata"],
                         {"@type": "type.googleapis.com/millrace.v1.Operation", **ours})
        self.assertEqual(shown["response"], {"@type": "type.googleapis.com/millrace.v1.Succeeded",
                                             **ours["outcome"]["succeeded"]})
        self.assertEqual(self.standard("WaitOperation", name=name), shown)
        listed = self.standard("ListOperations",
                               filter="state=SUCCEEDED AND kind=load AND labels.team=fx")
        self.assertEqual(listed, {"operations": [shown]})
        self.assertEqual(self.standard("ListOperations", filter="labels.team=rates"), {})
        self.assertEqual(self.standard("DeleteOperation", name=name), {})
        self.refused(grpc.StatusCode.NOT_FOUND, [name], self.standard, "GetOperation", name=name)

    def test_a_failure_is_an_error(self):
        request = {**LOAD, "symbol": "NOSUCH", "start": {"detached": True}}
        events = list(self.client.call("millrace.v1.DataService/Load", request))
        failed = events[-1]["outcome"]["failed"]
        shown = self.standard("GetOperation", name=events[0]["operation"])
        self.assertTrue(shown["done"])
        self.assertEqual(shown["error"], failed)


class RunningTest(OperationsCase):
    """Loads that wait for a gateway which takes its time."""

    def papergate_flags(self):
        return ["--latency-ms", "60000"]

    def ended(self, name):
        wait_for(lambda: "outcome" in self.ours("Get", name=name)[0], "end of " + name)
        return self.ours("Get", name=name)[0]

    def await_no_watchers(self, name):
        wait_for(lambda: "watchers" not in self.ours("Get", name=name)[0], "end of the watches")

    def test_delete_is_refused_until_the_end(self):
        name = self.load()
        for call, method in [(self.ours, "Delete"), (self.standard, "DeleteOperation")]:
            self.refused(grpc.StatusCode.FAILED_PRECONDITION,
                         [name + " is RUNNING: cancel it first"], call, method, name=name)
        events = self.ours("Cancel", name=name, requestedBy="a test")
        self.assertEqual(events[-1]["outcome"]["cancelled"]["requestedBy"], "a test")
        self.assertEqual(len(self.ours("Delete", name=name)), 1)
        self.assertEqual(self.names(), [])

    def test_watchers_are_counted(self):
        name = self.load()
        self.await_no_watchers(name)
        watches = [self.client.call(OURS + "Watch", {"name": name}) for _ in range(3)]
        for watch in watches:
            next(watch)
        self.assertEqual(self.ours("Get", name=name)[0]["watchers"], 3)
        for watch in watches:
            watch.cancel()
        self.await_no_watchers(name)

    def test_the_standard_cancels_and_waits(self):
        name, other = self.load(team="fx"), self.load(timeframe="30m", team="rates")
        listed = self.standard("ListOperations", filter="state=RUNNING AND labels.team=fx")
        self.assertEqual([one["name"] for one in listed["operations"]], [name])
        before = time.monotonic()
        waited = self.standard("WaitOperation", name=name, timeout="0.2s")
        self.assertGreaterEqual(time.monotonic() - before, 0.2)
        self.assertNotIn("done", waited)
        self.assertEqual(waited["metadata"]["state"], "RUNNING")
        self.assertEqual(self.standard("CancelOperation", name=name), {})
        waited = self.standard("WaitOperation", name=name)
        self.assertTrue(waited["done"])
        self.assertEqual(waited["error"]["code"], grpc.StatusCode.CANCELLED.value[0])
        self.assertIn("google.longrunning.Operations.CancelOperation", waited["error"]["message"])
        self.assertEqual(self.standard("CancelOperation", name=name), {})
        self.assertEqual(self.ours("Get", name=other)[0]["state"], "RUNNING")

    def test_the_moment_of_a_cancel(self):
        name = self.load()
        self.ours("Cancel", name=name)
        at = next(event["sequence"] for event in self.ours("Events", name=name)
                  if "cancelRequested" in event)
        self.assertEqual(self.ours("Get", name=name, atSequence=at)[0]["state"], "CANCELLING")
        self.assertEqual(self.ended(name)["state"], "CANCELLED")


if __name__ == "__main__":
    unittest.main()
