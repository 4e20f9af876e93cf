// A load generator: reads a plan as JSON on standard input, runs its phases one after the other,
// and writes the times of every request as JSON on standard output.
package main

import (
	"encoding/json"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// plan is phases run with as many requests at once as `concurrency`, each worker with one
// connection that is kept.
type plan struct {
	Target      target  `json:"target"`
	Concurrency int     `json:"concurrency"`
	Watch       []int   `json:"watch"` // processes to tell the CPU time of
	Phases      []phase `json:"phases"`
}

// phase is `count` requests of one kind. What `keep` names in each answer is put aside under the
// phase's name; `%s` in path or body is what the phase `use` put aside, one for each request.
type phase struct {
	Name   string `json:"name"`
	Count  int    `json:"count"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Body   string `json:"body"`
	Keep   string `json:"keep"`
	Use    string `json:"use"`
}

// result is what a phase took: seconds, of each request and in all, and of CPU by process.
type result struct {
	Latencies []float64      `json:"latencies"`
	Seconds   float64        `json:"seconds"`
	CPU       []float64      `json:"cpu"`
	Errors    map[string]int `json:"errors"`
}

// caller makes requests over a connection of its own. It gives what the phase keeps of the answer
// and, for a failure, what to count it under.
type caller interface {
	call(phase *phase, item string) (kept, failure string)
}

func main() {
	var todo plan
	if err := json.NewDecoder(os.Stdin).Decode(&todo); err != nil {
		log.Fatal(err)
	}
	workers := make([]caller, todo.Concurrency)
	for i := range workers {
		workers[i] = todo.Target.connect()
	}
	kept := map[string][]string{}
	results := map[string]result{}
	for i := range todo.Phases {
		phase := &todo.Phases[i]
		results[phase.Name], kept[phase.Name] = run(phase, workers, kept[phase.Use], todo.Watch)
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}

func run(phase *phase, workers []caller, items []string, watch []int) (result, []string) {
	count := phase.Count
	if phase.Use != "" {
		count = min(count, len(items))
	}
	latencies := make([]float64, count)
	failures := make([]string, count)
	kept := make([]string, count)
	var next atomic.Int64
	var running sync.WaitGroup
	before := cpuTimes(watch)
	start := time.Now()
	for _, worker := range workers {
		running.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				var item string
				if phase.Use != "" {
					item = items[i]
				}
				begun := time.Now()
				kept[i], failures[i] = worker.call(phase, item)
				latencies[i] = time.Since(begun).Seconds()
			}
		})
	}
	running.Wait()
	seconds := time.Since(start).Seconds()
	cpu := cpuTimes(watch)
	for i := range cpu {
		cpu[i] -= before[i]
	}
	errors := map[string]int{}
	good := kept[:0]
	for i, failure := range failures {
		if failure != "" {
			errors[failure]++
		} else if phase.Keep != "" {
			good = append(good, kept[i])
		}
	}
	return result{latencies, seconds, cpu, errors}, good
}
