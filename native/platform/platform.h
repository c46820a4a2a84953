/* platform.h: the operating system's services that the core uses.
 *
 * Each system's header defines all of them. Only the files of this folder know which system they are compiled for.
 *
 * Memory
 *   void *platform_map(size_t bytes)                   zeroed pages, NULL if no memory is left
 *   void platform_unmap(void *pages, size_t bytes)
 *
 * Shared libraries
 *   void *platform_load(const char *path, char *message, size_t size)   the path is UTF-8; NULL with why in `message`
 *   void *platform_symbol(void *library, const char *name)              NULL if the library has no such symbol
 *   PLATFORM_EXPORTED                                  before a declaration: a symbol that platform_symbol finds
 *
 * Threads
 *   PLATFORM_HAS_THREADS                               0 where platform_start always fails
 *   void platform_on_fork(void (*in_child)(void))      calls it in every forked child from now on
 *   platform_result                                    the type that a thread's function returns: always 0
 *   bool platform_start(platform_thread *, platform_result (*run)(void *), void *argument)
 *   void platform_join(platform_thread)
 *   PLATFORM_MUTEX, PLATFORM_CONDITION                 initial values
 *   void platform_lock(platform_mutex *), platform_unlock(platform_mutex *)
 *   void platform_wait(platform_condition *, platform_mutex *)
 *   void platform_wake_one(platform_condition *), platform_wake_all(platform_condition *) */
#ifndef OPERANT_PLATFORM_H
#define OPERANT_PLATFORM_H
#if defined(_WIN32)
#include "platform/windows.h"
#elif defined(__wasm__)
#include "platform/wasm.h"
#else
#include "platform/posix.h"
#endif
#endif
