# SPDX-License-Identifier: BSD-2-Clause
# what: what the system writes into a mutex is not seen
# file: coherence/locks.c
# scenarios: mutex_one
/^static int mutex_lock/,/^}/ s/TOUCH(mutex->__data.__lock, ACCESS_RMW, site);//
