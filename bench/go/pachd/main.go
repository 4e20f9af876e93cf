// A stand-in for pachd 2.x that costs next to nothing, to see what the simulator hides. It keeps
// no tokens: every one is alive, and each revocation revokes one. Prints its address.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"bench/pb"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "auth_v2.API",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			method("GetRobotToken", func(*pb.GetRobotTokenRequest) proto.Message {
				return &pb.GetRobotTokenResponse{Token: token()}
			}),
			method("WhoAmI", func(*pb.WhoAmIRequest) proto.Message {
				return &pb.WhoAmIResponse{Username: "robot:admin"}
			}),
			method("Authorize", func(request *pb.AuthorizeRequest) proto.Message {
				return &pb.AuthorizeResponse{Satisfied: request.Permissions}
			}),
			method("RevokeAuthToken", func(*pb.RevokeAuthTokenRequest) proto.Message {
				return &pb.RevokeAuthTokenResponse{Number: 1}
			}),
		},
	}, nil)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "versionpb_v2.API",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			method("GetVersion", func(*emptypb.Empty) proto.Message {
				return &pb.Version{Major: 2, Minor: 11, Micro: 6}
			}),
		},
	}, nil)
	log.Fatal(server.Serve(listener))
}

// method is a unary method that `answer` answers.
func method[M any, Request interface {
	*M
	proto.Message
}](name string, answer func(Request) proto.Message) grpc.MethodDesc {
	return grpc.MethodDesc{
		MethodName: name,
		Handler: func(
			_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor,
		) (any, error) {
			request := Request(new(M))
			if err := decode(request); err != nil {
				return nil, err
			}
			return answer(request), nil
		},
	}
}

func token() string {
	random := make([]byte, 16)
	rand.Read(random)
	return hex.EncodeToString(random)
}
