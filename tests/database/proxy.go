package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// proxy stands between clients and FerretDB and answers some commands itself.
//
// Each client has a connection of its own behind the proxy, and its requests
// are dealt with one after the other, as FerretDB does: answers keep the
// order of the requests, however many were sent ahead.
type proxy struct {
	overrides *overrides
	dial      func() (net.Conn, error)
	stderr    io.Writer
}

// run serves until ctx ends; requests already read are still answered.
func (p *proxy) run(ctx context.Context, listener net.Listener) {
	defer context.AfterFunc(ctx, func() { listener.Close() })()

	var clients sync.WaitGroup
	defer clients.Wait()

	for {
		client, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			p.warn("accepting a connection", err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		clients.Add(1)
		go func() {
			defer clients.Done()
			p.serve(ctx, client)
		}()
	}
}

func (p *proxy) serve(ctx context.Context, client net.Conn) {
	defer client.Close()
	// Ends the wait for a next request, not the answer to this one.
	defer context.AfterFunc(ctx, func() {
		_ = client.SetReadDeadline(time.Unix(1, 0))
	})()

	server, err := p.dial()
	if err != nil {
		p.warn("connecting to the database", err)
		return
	}
	defer server.Close()

	err = p.exchange(client, server)
	if ctx.Err() == nil && !errors.Is(err, io.EOF) {
		p.warn("connection of "+client.RemoteAddr().String(), err)
	}
}

// exchange passes requests and answers until an end fails; err is never nil.
func (p *proxy) exchange(client, server net.Conn) error {
	fromClient := bufio.NewReader(client)
	fromServer := bufio.NewReader(server)

	for {
		request, err := readMessage(fromClient)
		if err != nil {
			return err
		}
		c, isCommand := parseCommand(request)
		var o *override
		if isCommand {
			o = p.overrides.find(c)
		}

		var reply message
		if o != nil && !o.merge {
			reply, err = o.answer(c)
		} else {
			reply, err = ask(fromServer, server, request)
			if err == nil && o != nil {
				reply, err = o.mergeInto(c, reply)
			}
		}
		if err != nil {
			return err
		}
		// FerretDB answers even those who did not ask for an answer.
		if c.noReply {
			continue
		}
		if _, err := client.Write(reply); err != nil {
			return err
		}
	}
}

func ask(fromServer io.Reader, server io.Writer, request message) (message,
	error) {
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	return readMessage(fromServer)
}

func (p *proxy) warn(doing string, err error) {
	fmt.Fprintf(p.stderr, "database: %s: %v\n", doing, err)
}
