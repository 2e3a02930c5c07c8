"""A python3-grpcio client that knows nothing but what a server's reflection tells it."""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from mesh_processes import DEADLINE_S


def _messages(pool, *names):
    factory = message_factory.MessageFactory(pool)
    return [factory.GetPrototype(pool.FindMessageTypeByName(name)) for name in names]


class Reflection:
    """One ServerReflection stream: a question, its answer."""

    def __init__(self, channel, version):
        package = "grpc.reflection." + version
        pool = descriptor_pool.DescriptorPool()
        with open("protos/reflection_%s_set.pb" % version, "rb") as file:
            for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
                pool.Add(proto)
        self.request, response = _messages(pool, package + ".ServerReflectionRequest",
                                           package + ".ServerReflectionResponse")
        self.method = channel.stream_stream(
            "/%s.ServerReflection/ServerReflectionInfo" % package,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString)

    def ask(self, **question):
        answers = list(self.method(iter([self.request(**question)]), timeout=DEADLINE_S))
        if len(answers) != 1:
            raise AssertionError("%d answers to %s" % (len(answers), question))
        return answers[0]

    def services(self):
        answer = self.ask(list_services="").list_services_response
        return [service.name for service in answer.service]

    def files(self, symbol):
        answer = self.ask(file_containing_symbol=symbol)
        if not answer.HasField("file_descriptor_response"):
            raise AssertionError("%s: %s" % (symbol, answer.error_response))
        return self._with_imports(answer.file_descriptor_response)

    def _with_imports(self, response):
        """The files of an answer and what they import, imports first."""
        known = {}
        for data in response.file_descriptor_proto:
            proto = descriptor_pb2.FileDescriptorProto.FromString(data)
            known[proto.name] = proto
        ordered = []

        def visit(name):
            if name not in known:
                answer = self.ask(file_by_filename=name).file_descriptor_response
                known[name] = descriptor_pb2.FileDescriptorProto.FromString(
                    answer.file_descriptor_proto[0])
            for imported in known[name].dependency:
                visit(imported)
            if known[name] not in ordered:
                ordered.append(known[name])

        for name in list(known):
            visit(name)
        return ordered


class Client:
    """Calls any method of a server by name, with dictionaries in JSON form."""

    def __init__(self, address, version="v1alpha"):
        # A channel of its own: otherwise calls of one process to one address share a connection.
        self.channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
        self.reflection = Reflection(self.channel, version)
        self.pool = descriptor_pool.DescriptorPool()
        self.services = self.reflection.services()
        added = set()
        # What travels inside of an Any is imported by nobody.
        for symbol in [*self.services, "google.rpc.ErrorInfo"]:
            for proto in self.reflection.files(symbol):
                if proto.name not in added:
                    self.pool.Add(proto)
                    added.add(proto.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def methods(self, service):
        return self.pool.FindServiceByName(service).methods

    def call(self, name, request, timeout=DEADLINE_S):
        """Starts millrace.v1.Service/Method; the answer is an iterator of dictionaries."""
        service, method_name = name.split("/")
        method = self.pool.FindServiceByName(service).methods_by_name[method_name]
        factory = message_factory.MessageFactory(self.pool)
        answer = factory.GetPrototype(method.output_type)
        message = json_format.ParseDict(request, factory.GetPrototype(method.input_type)())
        server_streams = self._proto(method).server_streaming
        start = self.channel.unary_stream if server_streams else self.channel.unary_unary
        call = start("/" + name, request_serializer=lambda m: m.SerializeToString(),
                     response_deserializer=answer.FromString)
        if not server_streams:
            return [self._json(call(message, timeout=timeout))]
        return Answers(call(message, timeout=timeout), self._json)

    def _json(self, message):
        return json_format.MessageToDict(message, descriptor_pool=self.pool)

    @staticmethod
    def _proto(method):
        proto = descriptor_pb2.ServiceDescriptorProto()
        method.containing_service.CopyToProto(proto)
        return next(one for one in proto.method if one.name == method.name)


class Answers:
    """The messages of a running call, as dictionaries."""

    def __init__(self, call, to_json):
        self.call, self.to_json = call, to_json

    def __iter__(self):
        return self

    def __next__(self):
        return self.to_json(next(self.call))

    def cancel(self):
        self.call.cancel()
