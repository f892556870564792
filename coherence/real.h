/* SPDX-License-Identifier: BSD-2-Clause */
/* The system's functions behind those that the runtime interposes: real(pthread_join)(thread, &result). */
#ifndef COHERENCE_REAL_H
#define COHERENCE_REAL_H

#include <dlfcn.h>

/* Looked up at the first call. */
#define real(function)                                                                                                 \
	(__extension__({                                                                                               \
		static __typeof__(&function) found;                                                                    \
		if (!found)                                                                                            \
			*(void **)&found = dlsym(RTLD_NEXT, #function);                                                \
		found;                                                                                                 \
	}))

#endif
