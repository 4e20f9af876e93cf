package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"bench/pb"
)

// pachd is a pachd 2.x, called as our engine calls it.
type pachd struct {
	config *config
	conn   *grpc.ClientConn // nil where each call dials
	slots  chan struct{}
}

func newPachd(config *config, slots chan struct{}, keep bool) (*pachd, error) {
	p := &pachd{config: config, slots: slots}
	if !keep {
		return p, nil
	}
	conn, err := connect(config.PachdAddress)
	p.conn = conn
	return p, err
}

func connect(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
}

func (p *pachd) call(ctx context.Context, method, caller string, request, reply proto.Message) error {
	timeout := time.Duration(p.config.RequestTimeout) * time.Second
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return fmt.Errorf("overloaded: no free slot within %s", timeout)
	}
	conn := p.conn
	if conn == nil {
		dialled, err := connect(p.config.PachdAddress)
		if err != nil {
			return err
		}
		defer dialled.Close()
		conn = dialled
	}
	if caller != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authn-token", caller)
	}
	if err := conn.Invoke(ctx, method, request, reply); err != nil {
		return fmt.Errorf("pachd at %s: %w", p.config.PachdAddress, err)
	}
	return nil
}

func (p *pachd) mint(ctx context.Context, robot string, ttl int64) (string, error) {
	reply := &pb.GetRobotTokenResponse{}
	request := &pb.GetRobotTokenRequest{Robot: robot, Ttl: ttl}
	err := p.call(ctx, "/auth_v2.API/GetRobotToken", p.config.AdminToken, request, reply)
	return reply.Token, err
}

func (p *pachd) whoAmI(ctx context.Context, token string) (*pb.WhoAmIResponse, error) {
	reply := &pb.WhoAmIResponse{}
	return reply, p.call(ctx, "/auth_v2.API/WhoAmI", token, &pb.WhoAmIRequest{}, reply)
}

func (p *pachd) revoke(ctx context.Context, token string) (int64, error) {
	reply := &pb.RevokeAuthTokenResponse{}
	request := &pb.RevokeAuthTokenRequest{Token: token}
	err := p.call(ctx, "/auth_v2.API/RevokeAuthToken", p.config.AdminToken, request, reply)
	return reply.Number, err
}

func (p *pachd) version(ctx context.Context) (string, error) {
	v := &pb.Version{}
	err := p.call(ctx, "/versionpb_v2.API/GetVersion", "", &emptypb.Empty{}, v)
	return fmt.Sprintf("%d.%d.%d%s", v.Major, v.Minor, v.Micro, v.Additional), err
}
