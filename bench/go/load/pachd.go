package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"bench/pb"
)

const (
	dialled     = "dial" // the method of a phase that dials for each call
	maxInFlight = 6      // as the engine has it: too many at once hang each other in pachd 2.x
)

var slots = make(chan struct{}, maxInFlight)

// pachdCaller mints at a pachd directly: what is left of a login without a Vault and a plugin.
type pachdCaller struct {
	target target
	conn   *grpc.ClientConn
}

func (c *pachdCaller) call(phase *phase, _ string) (kept, failure string) {
	slots <- struct{}{}
	defer func() { <-slots }()
	if c.conn == nil || phase.Method == dialled {
		conn, err := grpc.NewClient("passthrough:///"+c.target.Address,
			grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return "", err.Error()
		}
		if phase.Method == dialled {
			defer conn.Close()
		} else {
			c.conn = conn
		}
		return c.mint(conn)
	}
	return c.mint(c.conn)
}

func (c *pachdCaller) mint(conn *grpc.ClientConn) (kept, failure string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authn-token", c.target.Token)
	reply := &pb.GetRobotTokenResponse{}
	request := &pb.GetRobotTokenRequest{Robot: "bench", Ttl: 3600}
	err := conn.Invoke(ctx, "/auth_v2.API/GetRobotToken", request, reply)
	if err != nil {
		return "", status.Code(err).String()
	}
	return reply.Token, ""
}
