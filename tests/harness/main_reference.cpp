#include "tests/harness/check.h"

int main(int argc, char** argv) {
  return verse::run_checks(argc, argv, verse::CheckedBodies::reference);
}
