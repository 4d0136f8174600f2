/* machine.h - what this machine gives at most: measured, as tables of processors neither know the clock of the day
 * nor what a virtual machine was given of its host's caches. */
#ifndef NT_MACHINE_H
#define NT_MACHINE_H

#include <stddef.h>

/* Floating-point operations a second of so many threads; `fma` is nt_model's. */
double nt_machine_flops(int threads, double (*fma)(int rounds));

/* Bytes a second that are moved within an area of so many bytes, each thread in a part of its own: the better of copying
 * and of updating in place, where each byte that is read and each that is written counts. Areas are made no smaller than
 * 256 KiB and no larger than 256 MiB. 0 where there is no memory for it. */
double nt_machine_bandwidth(int threads, size_t area);

enum { NT_MACHINE_TEXT = 160 };

/* What `netc explain --machine` takes: "peak=118.2,bandwidth=21.3,1M=99.6,16M=61.8", in GFLOP/s and GB/s; the sizes
 * are areas in which bytes move at least 1.5 times as fast as in memory. */
void nt_machine_text(int threads, double (*fma)(int rounds), char text[NT_MACHINE_TEXT]);

/* main() of the program with which netc asks: its one argument is the number of threads, and it prints that text. */
int nt_machine_main(int argc, char **argv, double (*fma)(int rounds));

#endif
