#pragma once

#include <string_view>

namespace firesteel {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

/// Sends all logs to stderr from now on; messages below `level` are dropped. Not thread-safe: call
/// it once, at start.
void ConfigureLog(LogLevel level, LogFormat format);
bool LogEnabled(LogLevel level);

/// Writes one line. Threads: any.
void Log(LogLevel level, std::string_view message);

inline void LogDebug(std::string_view message) { Log(LogLevel::kDebug, message); }
inline void LogInfo(std::string_view message) { Log(LogLevel::kInfo, message); }
inline void LogWarning(std::string_view message) { Log(LogLevel::kWarning, message); }

}  // namespace firesteel
