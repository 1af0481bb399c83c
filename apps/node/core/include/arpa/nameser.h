// The names of DNS's constants: c-ares has its own.
#pragma once

#include <ares_nameser.h>
