// What our client adds to a query: SELECT 1 through it beside a program of gRPC alone, in one
// process, turn by turn.
//
// usage: select_one URL [TURNS]
//   URL    sc://host:port/;token=…, of a Spark Connect server
//   TURNS  300 if absent

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/spark/connect/connect_client.h"
#include "spark/connect/base.grpc.pb.h"

namespace firesteel {
namespace {

namespace connect = spark::connect;

constexpr int kWarmUp = 100;

// Asks as the protocol's shortest client would: one call, read to its end.
class BareClient {
 public:
  explicit BareClient(const SparkRemote& remote)
      : remote_(remote),
        session_(RandomUuid()),
        stub_(connect::SparkConnectService::NewStub(
            grpc::CreateChannel(remote.Address(), grpc::InsecureChannelCredentials()))) {}

  std::int64_t SelectOne() {
    connect::ExecutePlanRequest request;
    request.set_session_id(session_);
    request.mutable_user_context()->set_user_id("bare");
    request.mutable_plan()->mutable_root()->mutable_sql()->set_query("SELECT 1");
    grpc::ClientContext context;
    if (!remote_.token.empty()) context.AddMetadata("authorization", "Bearer " + remote_.token);
    const auto reader = stub_->ExecutePlan(&context, request);
    connect::ExecutePlanResponse answer;
    std::int64_t sum = 0;
    while (reader->Read(&answer)) {
      if (!answer.has_arrow_batch()) continue;
      ReadArrowStream(answer.arrow_batch().data(),
                      [&](const ArrowRows& rows) { sum += rows.columns.at(0).Integer(0); });
    }
    const grpc::Status status = reader->Finish();
    if (!status.ok()) throw std::runtime_error(status.error_message());
    return sum;
  }

 private:
  SparkRemote remote_;
  std::string session_;
  std::unique_ptr<connect::SparkConnectService::Stub> stub_;
};

std::int64_t SelectOne(ConnectClient* client) {
  connect::Relation relation;
  relation.mutable_sql()->set_query("SELECT 1");
  std::int64_t sum = 0;
  client->Query(relation, [&](const ArrowRows& rows) { sum += rows.columns.at(0).Integer(0); });
  return sum;
}

double MillisecondsOf(const std::function<std::int64_t()>& select_one) {
  const auto start = std::chrono::steady_clock::now();
  if (select_one() != 1) throw std::runtime_error("SELECT 1 is not 1");
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  return time.count();
}

double Quantile(std::vector<double> values, double at) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(at * static_cast<double>(values.size() - 1))];
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: select_one URL [TURNS]\n", stderr);
    return 2;
  }
  const SparkRemote remote = ParseSparkRemote(argv[1]);
  const int turns = argc > 2 ? std::atoi(argv[2]) : 300;
  ConnectClient client(remote);
  BareClient bare(remote);
  std::vector<double> ours;
  std::vector<double> theirs;
  for (int i = -kWarmUp; i < turns; ++i) {
    // Who comes first changes, in case it matters.
    double our_time = 0;
    if (i % 2 == 0) our_time = MillisecondsOf([&] { return SelectOne(&client); });
    const double their_time = MillisecondsOf([&] { return bare.SelectOne(); });
    if (i % 2 != 0) our_time = MillisecondsOf([&] { return SelectOne(&client); });
    if (i < 0) continue;
    ours.push_back(our_time);
    theirs.push_back(their_time);
  }
  fmt::print(
      "SELECT 1, {} turns: median {:.2f} ms through the client, {:.2f} ms by gRPC alone; 90% in "
      "{:.2f} and {:.2f} ms\n",
      turns, Quantile(ours, 0.5), Quantile(theirs, 0.5), Quantile(ours, 0.9),
      Quantile(theirs, 0.9));
  fmt::print("the client adds {:.2f} ms to the median\n",
             Quantile(ours, 0.5) - Quantile(theirs, 0.5));
  return 0;
}

}  // namespace
}  // namespace firesteel

int main(int argc, char** argv) {
  try {
    return firesteel::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
