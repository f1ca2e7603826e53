#pragma once

namespace firesteel {

/// Loads libduckdb.so, once: from lib/ beside the program, from ../lib, or from where the system
/// looks. It takes longer than the rest of a start, so a command that opens no engine does without.
/// A program that links this library must call it before it opens DuckDB; one that links
/// libduckdb.so itself (a test) needs neither. Throws Error(kIo) that names the file.
/// Threads: any.
void LoadDuckDbLibrary();

}  // namespace firesteel
