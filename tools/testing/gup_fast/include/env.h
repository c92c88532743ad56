/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interfaces that mm/gup_fast.c needs and that are not about memory: compiler,
 * atomics, assertions, the current task, and the sequence count of fork(). Names
 * and costs are those of the kernel. The code is not.
 */
#ifndef _GUP_FAST_ENV_H
#define _GUP_FAST_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/cdefs.h>

#define CONFIG_64BIT			1
#define CONFIG_ARCH_HAS_PTE_SPECIAL	1
#define CONFIG_HAVE_GUP_FAST		1
#define CONFIG_LOCKLESS_WALK_RCU	1
#define CONFIG_PREEMPT_RCU		1
#define CONFIG_PCI_P2PDMA		1
#define CONFIG_SECRETMEM		1

/* True if @option is defined as 1. An undefined option expands to its name. */
#define IS_ENABLED(option)		HARNESS_ENABLED(option)
#define HARNESS_ENABLED(expanded)	(#expanded[0] == '1')

#define noinline	__attribute__((__noinline__))
#define __cold		__attribute__((__cold__))
#define __uninitialized
#define __must_check
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#ifdef __clang__
#define unrolled_full	_Pragma("clang loop unroll(full)")
#else
#define unrolled_full	_Pragma("GCC unroll 64")
#endif

#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define clamp(v, lo, hi)	min(max(v, lo), hi)
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define MAX_FOLIO_ORDER		18
#define BIT(n)			(1UL << (n))

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* Warnings are counted. Tests that expect no warning check the count. */
extern unsigned long harness_warnings;
void __cold harness_warn(void);

#define WARN_ON_ONCE(condition) ({		\
	bool __warn = !!(condition);		\
						\
	if (unlikely(__warn))			\
		harness_warn();			\
	unlikely(__warn);			\
})
#ifdef HARNESS_DEBUG
#define VM_WARN_ON_ONCE(condition)	WARN_ON_ONCE(condition)
#else
#define VM_WARN_ON_ONCE(condition)	((void)sizeof(condition))
#endif
#define BUILD_BUG_ON(condition)		_Static_assert(!(condition), #condition)

/*
 * ThreadSanitizer does not know address dependencies and stand-alone barriers.
 * So reads are acquire and writes are release operations there.
 */
#ifdef __SANITIZE_THREAD__
#define READ_ONCE(x) ({						\
	__typeof__(x) __value;					\
								\
	__atomic_load(&(x), &__value, __ATOMIC_ACQUIRE);	\
	__value;						\
})
#define WRITE_ONCE(x, v) do {					\
	__typeof__(x) __value = (v);				\
								\
	__atomic_store(&(x), &__value, __ATOMIC_RELEASE);	\
} while (0)
#define HARNESS_FENCE(order)	__atomic_signal_fence(order)
#else
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define HARNESS_FENCE(order)	__atomic_thread_fence(order)
#endif /* __SANITIZE_THREAD__ */

static __always_inline void smp_rmb(void)
{
	HARNESS_FENCE(__ATOMIC_ACQUIRE);
}

static __always_inline void smp_mb(void)
{
	HARNESS_FENCE(__ATOMIC_SEQ_CST);
}

/* Atomic operations are full barriers here. */
static __always_inline void smp_mb__after_atomic(void)
{
	asm volatile("" ::: "memory");
}

/* The release store that attaches a table: it publishes earlier writes. */
#define smp_store_release(p, v) do {				\
	__typeof__(*(p)) __release = (v);			\
								\
	__atomic_store((p), &__release, __ATOMIC_RELEASE);	\
} while (0)

typedef struct {
	int counter;
} atomic_t;

static inline int atomic_read(const atomic_t *v)
{
	return READ_ONCE(*(int *)&v->counter);
}

static __always_inline void atomic_add(int i, atomic_t *v)
{
	__atomic_fetch_add(&v->counter, i, __ATOMIC_SEQ_CST);
}

static __always_inline void atomic_sub(int i, atomic_t *v)
{
	__atomic_fetch_sub(&v->counter, i, __ATOMIC_SEQ_CST);
}

static __always_inline bool atomic_sub_and_test(int i, atomic_t *v)
{
	return !__atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}

/* How often another thread changed the value first. */
extern __thread unsigned long harness_retries;

static __always_inline bool atomic_try_cmpxchg(atomic_t *v, int *old, int new)
{
	bool done = __atomic_compare_exchange_n(&v->counter, old, new, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED);

	if (unlikely(!done))
		harness_retries++;
	return done;
}

static __always_inline bool atomic_add_unless(atomic_t *v, int i, int not)
{
	int old = atomic_read(v);

	do {
		if (unlikely(old == not))
			return false;
	} while (unlikely(!atomic_try_cmpxchg(v, &old, (int)((unsigned int)old + i))));
	return true;
}

static __always_inline bool test_bit(int nr, unsigned long *word)
{
	return (READ_ONCE(*word) >> nr) & 1;
}

static __always_inline void set_bit(int nr, unsigned long *word)
{
	__atomic_fetch_or(word, BIT(nr), __ATOMIC_SEQ_CST);
}

static __always_inline void prefetchw(const void *p)
{
#ifdef __x86_64__
	asm volatile("prefetchw %0" : : "m" (*(const char *)p));
#else
	__builtin_prefetch(p, 1);
#endif
}

static inline void cpu_relax(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#else
	asm volatile("" ::: "memory");
#endif
}

/* The sequence count. fork() keeps it odd while it write-protects pages. */
typedef struct {
	unsigned int sequence;
} seqcount_t;

#define raw_seqcount_try_begin(s, start) ({	\
	(start) = READ_ONCE((s)->sequence);	\
	smp_rmb();				\
	!((start) & 1);				\
})

static inline bool read_seqcount_retry(const seqcount_t *s, unsigned int start)
{
	smp_rmb();
	return unlikely(READ_ONCE(*(unsigned int *)&s->sequence) != start);
}

struct mm_struct;
struct task_struct {
	struct mm_struct *mm;
};

extern __thread struct task_struct harness_task;
#define current	(&harness_task)

/*
 * Interrupts cannot be disabled here, so this costs nothing. That favours the
 * base kernel. It also means that no updater waits for a walk.
 */
#define local_irq_save(flags)		((void)((flags) = 0))
#define local_irq_restore(flags)	((void)(flags))
#define lockdep_assert_irqs_disabled()	((void)0)
#define irqs_disabled()			true

/* A preemption counter per thread, like the one of a CPU. */
extern __thread int harness_preempt_count;

static __always_inline void preempt_disable(void)
{
	harness_preempt_count++;
	asm volatile("" ::: "memory");
}

static __always_inline void preempt_enable(void)
{
	asm volatile("" ::: "memory");
	harness_preempt_count--;
}

#define EXPORT_SYMBOL_GPL(name)

#endif /* _GUP_FAST_ENV_H */
