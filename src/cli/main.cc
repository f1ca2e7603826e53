#include "cli/application.h"

int main(int argc, char** argv) {
  return firesteel::RunApplication(
      std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
