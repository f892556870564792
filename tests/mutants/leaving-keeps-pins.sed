# SPDX-License-Identifier: BSD-2-Clause
# what: leaving does not release pins
# file: common/capacitor.c
# impl: rwlock
# class: forgotten unregister
# conformance: yes
/^static void leave_slot/,/^}/s/store_release(&handle->pins\[pin\], NULL);/(void)pin;/
