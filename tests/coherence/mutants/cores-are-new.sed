# SPDX-License-Identifier: BSD-2-Clause
# what: each thread has a core that nobody had before it
# file: coherence/threads.c
# scenarios: lives
s/while (core < threads_used && threads\[core\])/while (core < threads_used)/
