#include "storage/object_store.h"

#include <fmt/format.h>

#include <mutex>
#include <utility>

#include "base/error.h"

namespace firesteel {
namespace {

struct Provider {
  std::mutex mutex;
  std::function<std::shared_ptr<ObjectStore>()> make;
  std::shared_ptr<ObjectStore> store;
};

Provider& TheProvider() {
  static Provider provider;
  return provider;
}

}  // namespace

std::string ObjectName::Url() const { return fmt::format("s3://{}/{}", bucket, key); }

void ProvideObjectStore(std::function<std::shared_ptr<ObjectStore>()> make) {
  Provider& provider = TheProvider();
  const std::lock_guard<std::mutex> guard(provider.mutex);
  provider.make = std::move(make);
  provider.store.reset();
}

std::shared_ptr<ObjectStore> TheObjectStore() {
  Provider& provider = TheProvider();
  const std::lock_guard<std::mutex> guard(provider.mutex);
  if (!provider.store) {
    if (!provider.make) {
      throw Error(ErrorKind::kUnsupported, "this program has no way to reach S3");
    }
    provider.store = provider.make();
  }
  return provider.store;
}

void InterruptObjectStore() {
  Provider& provider = TheProvider();
  const std::unique_lock<std::mutex> guard(provider.mutex, std::try_to_lock);
  // Held: the store is being made, and whoever interrupts will come again.
  if (guard.owns_lock() && provider.store) provider.store->Interrupt();
}

}  // namespace firesteel
