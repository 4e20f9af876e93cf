// A grpc-go client that gives up: so many calls, so many abreast, each given up at its own moment
// at random, about when its answer comes. Writes how many were answered on standard output.
package main

import (
	"context"
	"fmt"
	"log"
	"math/rand"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	method  = "/test.Echo/Give"
	abreast = 8
	longest = 6 * time.Millisecond
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: quitter SOCKET CALLS")
	}
	calls, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	connection, err := grpc.NewClient(
		"unix:"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	var begun, answered atomic.Int64
	var group sync.WaitGroup
	for range abreast {
		group.Add(1)
		go func() {
			defer group.Done()
			for begun.Add(1) <= calls {
				if call(connection) == nil {
					answered.Add(1)
				}
			}
		}()
	}
	group.Wait()
	// The last of the resets must be on the wire before the connection goes.
	if err := connection.Invoke(context.Background(), method,
		wrapperspb.String("last"), new(wrapperspb.StringValue)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answered.Load())
}

func call(connection *grpc.ClientConn) error {
	ctx, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	timer := time.AfterFunc(time.Duration(rand.Int63n(int64(longest))), giveUp)
	defer timer.Stop()
	return connection.Invoke(ctx, method, wrapperspb.String("x"), new(wrapperspb.StringValue))
}
