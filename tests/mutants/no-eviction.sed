# SPDX-License-Identifier: BSD-2-Clause
# what: the budget is never exceeded, it says
# file: common/budget.h
# impl: unsync
# class: wrong bound
# conformance: yes
/^static inline bool budget_over/,/^}/s/if (live <= budget_live_limit(budget))/if (live < INT64_MAX)/
