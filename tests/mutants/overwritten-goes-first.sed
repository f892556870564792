# SPDX-License-Identifier: BSD-2-Clause
# what: a store unlinks the value it overwrites when the policy would evict it, and retires it again
# file: common/operation.c
# impl: rcu
# class: retired twice
# matrix: yes
/^static struct entry \*evict_one(/,/^}/s/if (victim == spared)/if (victim \&\& false)/
