package main

import (
	"log"

	"golang.org/x/sys/unix"
)

// cpuTimes are the seconds of CPU, user and system, that each process has used with all its
// threads. The clock of a process is as clock_getcpuclockid(3) makes it: to the nanosecond, where
// /proc counts ticks.
func cpuTimes(pids []int) []float64 {
	times := make([]float64, len(pids))
	for i, pid := range pids {
		const scheduler = 2 // CPUCLOCK_SCHED
		var now unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|scheduler), &now); err != nil {
			log.Fatalf("process %d: %v", pid, err)
		}
		times[i] = float64(now.Nano()) / 1e9
	}
	return times
}
