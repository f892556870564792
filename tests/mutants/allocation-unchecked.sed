# SPDX-License-Identifier: BSD-2-Clause
# what: a store does not look whether it got memory
# file: common/operation.c
# impl: rcu
# class: unchecked allocation
# matrix: yes
# conformance: yes
# ci: yes
/^struct entry \*operation_entry(/,/^}/s/^\t\treturn NULL;/\t\t(void)handle;/
