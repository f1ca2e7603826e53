#include "base/hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"

namespace firesteel {
namespace {

class Sha256Stream {
 public:
  Sha256Stream() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) Fail();
  }

  void Update(const void* bytes, std::size_t size) {
    if (EVP_DigestUpdate(context_.get(), bytes, size) != 1) Fail();
  }

  std::string HexDigest() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest, &size) != 1) Fail();
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
      hex += kDigits[digest[i] >> 4];
      hex += kDigits[digest[i] & 15];
    }
    return hex;
  }

 private:
  [[noreturn]] static void Fail() { throw Error(ErrorKind::kInternal, "OpenSSL refuses SHA-256"); }

  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

[[noreturn]] void ThrowIo(const std::filesystem::path& file) {
  throw Error(ErrorKind::kIo, "reading " + file.string() + ": " + std::strerror(errno));
}

}  // namespace

std::string Sha256(std::string_view bytes) {
  Sha256Stream stream;
  stream.Update(bytes.data(), bytes.size());
  return stream.HexDigest();
}

std::string Sha256File(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) ThrowIo(file);
  struct Closer {
    int descriptor;
    ~Closer() { ::close(descriptor); }
  } closer{descriptor};

  Sha256Stream stream;
  std::vector<char> block(std::size_t{1} << 20);
  while (true) {
    const ssize_t size = ::read(descriptor, block.data(), block.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) ThrowIo(file);
    if (size == 0) return stream.HexDigest();
    stream.Update(block.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace firesteel
