/* cpu.h: the CPU's features, asked of the CPU itself: the answer of a compiler's runtime depends on the linker. */
#ifndef OPERANT_CPU_H
#define OPERANT_CPU_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** Tells the CPU that this thread waits in a loop. */
static inline void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#if defined(__x86_64__)
#include <cpuid.h>

/** Bits 0 to 31 of XCR0: the registers that the system saves when it switches threads; 0 if they are unknown. */
static inline uint32_t cpu_saved_registers(void) {
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return a;
}

/** True if the CPU has the fused multiply-add and all `features`, bits of cpuid's leaf 7 in EBX, and the system saves
 * all `registers`.
 *
 * `known` keeps the answer, 1 for no and 2 for yes: in a virtual machine a cpuid takes 10 us, and every batch asks. */
static inline bool cpu_has(atomic_int *known, uint32_t features, uint32_t registers) {
    int answer = atomic_load_explicit(known, memory_order_relaxed);
    if (!answer) {
        uint32_t a, b, c, d;
        const bool saved = (cpu_saved_registers() & registers) == registers;
        const bool fused = __get_cpuid(1, &a, &b, &c, &d) && c & bit_FMA;
        answer = saved && fused && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & features) == features ? 2 : 1;
        atomic_store_explicit(known, answer, memory_order_relaxed);
    }
    return answer == 2;
}

enum { XMM_YMM = 0x06, XMM_YMM_ZMM = 0xe6 }; /* bits of XCR0; zmm also needs the mask registers */

static inline bool cpu_has_avx2(void) {
    static atomic_int known;
    return cpu_has(&known, bit_AVX2, XMM_YMM);
}

static inline bool cpu_has_avx512(void) {
    static atomic_int known;
    return cpu_has(&known, bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL, XMM_YMM_ZMM);
}
#endif
#endif
