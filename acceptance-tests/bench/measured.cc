// Runs a provider in its place and notes what it used: CPU seconds and peak resident memory in KiB,
// a line for each process. CHARON_BENCH_PROVIDER names the provider, CHARON_BENCH_LOG the file.
// Small, because its own start counts in the wall times of the benchmark.

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int, char** argv) {
  const char* provider = std::getenv("CHARON_BENCH_PROVIDER");
  const char* path = std::getenv("CHARON_BENCH_LOG");
  if (provider == nullptr || path == nullptr) {
    std::fputs("measured: started by the benchmark only\n", stderr);
    return 1;
  }
  signal(SIGINT, SIG_IGN);  // as the provider does; it is the provider's end that ends us
  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    execv(provider, argv);
    std::perror(provider);
    _exit(127);
  }
  int status = 0;
  rusage used{};
  if (wait4(child, &status, 0, &used) != child) return 1;
  char line[64];
  const int size = std::snprintf(line, sizeof(line), "%.4f %ld\n",
                                 Seconds(used.ru_utime) + Seconds(used.ru_stime), used.ru_maxrss);
  const int log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (log < 0 || write(log, line, static_cast<std::size_t>(size)) != size) {
    std::perror(path);
    return 1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
