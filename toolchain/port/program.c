// What crtbegin and crti objects supply elsewhere. There is one program and it is
// never unloaded, so its handle is null; initialisers lie in .init_array alone.
__attribute__((__visibility__("hidden"))) void *__dso_handle = 0;

__attribute__((__weak__)) void _init(void) {}
__attribute__((__weak__)) void _fini(void) {}
