// One hop of libgrpc++'s synchronous API, as its documentation has it.
#include <grpcpp/grpcpp.h>

#include <string>

#include "millrace/v1/operation.grpc.pb.h"
#include "tests/bench/relay.h"

namespace {

namespace v1 = millrace::v1;

constexpr int64_t kSecond = 1000000000;

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// The name of the watched operation is the gap between two events in ns, after_sequence their
// number: what a relay_plan says.
class Host final : public v1::OperationsService::Service {
  grpc::Status Watch(grpc::ServerContext *, const v1::WatchOperationRequest *request,
                     grpc::ServerWriter<v1::OperationEvent> *writer) override {
    const int64_t gap_ns = std::stoll(request->name()), events = request->after_sequence();
    for (int64_t i = 1; i <= events; i++) {
      if (gap_ns > 0) relay_pace(NowNs() + gap_ns);
      v1::OperationEvent event;
      event.set_operation("load-4t7kq2ma");
      event.set_epoch(1);
      event.set_sequence(i);
      event.set_event_class(v1::OperationEvent::DURABLE);
      v1::Progress *progress = event.mutable_progress();
      progress->set_done(i);
      progress->set_total(events);
      progress->set_unit("bars");
      progress->set_note("EURUSD 1h: 17 of 19 segments");
      const int64_t now = NowNs();
      event.mutable_time()->set_seconds(now / kSecond);
      event.mutable_time()->set_nanos(static_cast<int32_t>(now % kSecond));
      if (!writer->Write(event)) return grpc::Status::CANCELLED;
    }
    return grpc::Status::OK;
  }
};

void Serve(void *address) {
  Host host;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(static_cast<const char *>(address), grpc::InsecureServerCredentials());
  builder.RegisterService(&host);
  builder.BuildAndStart()->Wait();
}

void ReadAll(void *arg) {
  auto *result = static_cast<relay_result *>(arg);
  auto stub = v1::OperationsService::NewStub(
      grpc::CreateChannel(result->address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::WatchOperationRequest request;
  request.set_name(std::to_string(result->plan.gap_ns));
  request.set_after_sequence(result->plan.events);
  auto reader = stub->Watch(&context, request);
  v1::OperationEvent event;
  while (reader->Read(&event)) {
    result->messages++;
    relay_arrived(result, event.time().seconds() * kSecond + event.time().nanos());
  }
}

}  // namespace

const relay_chain relay_cpp = {"libgrpc++ synchronous, one hop", Serve, nullptr, ReadAll};
