// Names of services: there is no list of them, ports are numbers.
#include <netdb.h>

extern "C" {

servent* getservbyname(const char*, const char*) { return nullptr; }

servent* getservbyport(int, const char*) { return nullptr; }

}  // extern "C"
