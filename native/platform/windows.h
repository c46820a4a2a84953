/* windows.h: the platform on Windows. */
#define WIN32_LEAN_AND_MEAN
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <windows.h>

static inline void *platform_map(size_t bytes) {
    return VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static inline void platform_unmap(void *pages, size_t bytes) { (void)bytes, VirtualFree(pages, 0, MEM_RELEASE); }

static inline void *platform_load(const char *path, char *message, size_t size) {
    wchar_t wide[4096];
    const int length = MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, sizeof wide / sizeof *wide);
    void *library = length ? (void *)LoadLibraryW(wide) : NULL;
    if (!library) snprintf(message, size, "%s: Windows error %lu", path, (unsigned long)GetLastError());
    return library;
}

static inline void *platform_symbol(void *library, const char *name) {
    return (void *)(uintptr_t)GetProcAddress((HMODULE)library, name);
}

#define PLATFORM_EXPORTED __attribute__((dllexport))

enum { PLATFORM_HAS_THREADS = 1 };

static inline void platform_on_fork(void (*in_child)(void)) { (void)in_child; } /* Windows never forks */

typedef DWORD platform_result;
typedef HANDLE platform_thread;

static inline bool platform_start(platform_thread *thread, platform_result (*run)(void *), void *argument) {
    return (*thread = CreateThread(NULL, 0, run, argument, 0, NULL)) != NULL;
}

static inline void platform_join(platform_thread thread) {
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

typedef SRWLOCK platform_mutex;
typedef CONDITION_VARIABLE platform_condition;
#define PLATFORM_MUTEX SRWLOCK_INIT
#define PLATFORM_CONDITION CONDITION_VARIABLE_INIT

static inline void platform_lock(platform_mutex *mutex) { AcquireSRWLockExclusive(mutex); }
static inline void platform_unlock(platform_mutex *mutex) { ReleaseSRWLockExclusive(mutex); }
static inline void platform_wait(platform_condition *condition, platform_mutex *mutex) {
    SleepConditionVariableSRW(condition, mutex, INFINITE, 0);
}
static inline void platform_wake_one(platform_condition *condition) { WakeConditionVariable(condition); }
static inline void platform_wake_all(platform_condition *condition) { WakeAllConditionVariable(condition); }
