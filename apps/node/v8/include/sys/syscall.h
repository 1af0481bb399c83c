// V8 asks for it where it might ask Linux for a thread's number. There are no
// system calls.
#pragma once
