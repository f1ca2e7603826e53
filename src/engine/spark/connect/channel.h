#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>

#include "engine/spark/connect/spark_remote.h"

namespace firesteel {

/// The longest message either way: what Spark allows.
inline constexpr int kLongestMessageBytes = 128 << 20;

/// Makes a channel to a server, with TLS or without, and connects nothing yet. With TLS the
/// server's certificate and name are checked, by the system's authorities or those of the remote's
/// CA file. What gRPC itself logs goes to our log at debug level from the first call on. Throws
/// Error(kNotFound) if there are no certificates to trust, Error(kIo) for a CA file that is none.
std::shared_ptr<grpc::Channel> MakeChannel(const SparkRemote& remote);

/// Adds what every call carries: the token and the remote's metadata.
void AddMetadata(const SparkRemote& remote, grpc::ClientContext* context);

}  // namespace firesteel
