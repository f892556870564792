# SPDX-License-Identifier: BSD-2-Clause
# what: destructors of thread-specific data do not run
# file: coherence/threads.c
# scenarios: keys
s/^\tdestroy_values();//
