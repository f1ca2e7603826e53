#include <cstdio>
#include <cstdlib>

#include "cli/application.h"

int main(int argc, char** argv) {
  const int code =
      firesteel::RunApplication(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  // Without destructors of static objects: an engine that was left to the system may still own
  // threads that use them.
  std::fflush(nullptr);
  std::_Exit(code);
}
