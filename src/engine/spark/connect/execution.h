#pragma once

#include <functional>

#include "engine/spark/connect/connect_session.h"

namespace firesteel {

using AnswerVisitor = std::function<void(const spark::connect::ExecutePlanResponse&)>;

/// Executes a plan on the server and shows `visitor` each of its answers once, in order, whatever
/// happens to the connection: the execution goes on at the server under an id of ours, and we take
/// its answers up after the last one that came. Batches that come in pieces are joined.
///
/// The server is told to forget the execution when it has ended, when it has failed and when
/// `visitor` throws; it is told to stop it when we are interrupted. Throws what ConnectClient says.
/// Source: Spark's client, 4.3.0 (reattach.py). Differs: an execution whose server has another
/// session than before is given up.
void ExecutePlan(ConnectSession* session, const spark::connect::Plan& plan,
                 const AnswerVisitor& visitor);

}  // namespace firesteel
