// gcc before 13 says of `ldtilecfg` that it reads 8 bytes of the 64 that it reads, and leaves out the writing of the others: the first
// instruction on a tile is then an illegal one. llama.cpp's use of AMX is compiled with this in front of it (`build_llama.sh`).
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#include <immintrin.h>
#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg\t%X0" : : "m"(*(const char(*)[64])(config)) : "memory")
#endif
