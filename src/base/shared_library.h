#pragma once

#include <string>

namespace firesteel {

/// The path of a file that comes with the program: `file` below lib/ beside the program or below
/// ../lib. Throws Error(kIo) that says where it belongs if it is in neither. Threads: any.
std::string FindBesideProgram(const std::string& file);

/// A shared library that is loaded when it is first needed, since most commands do without. It
/// stays loaded until the process ends. Threads: any.
class SharedLibrary {
 public:
  /// Loads `file`, a path below lib/, from lib/ beside the program or from ../lib; else its last
  /// part from where the system looks. Throws Error(kIo) that names the file and why it was
  /// refused.
  explicit SharedLibrary(const std::string& file);

  /// The address of a function. Throws Error(kIo) that names it if there is none.
  void* Function(const char* name) const;

 private:
  std::string file_;
  void* handle_ = nullptr;
};

}  // namespace firesteel
