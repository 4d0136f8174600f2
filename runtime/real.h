/* real.h - the scalar of emitted models: float, or double where the gradient check compiles them a second time. */
#ifndef NT_REAL_H
#define NT_REAL_H

#ifdef NT_DOUBLE
typedef double real;
#else
typedef float real;
#endif

#endif
