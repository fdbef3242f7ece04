// Command database is one MongoDB-wire database server for tests: FerretDB
// on SQLite, in one process, with all its state in one directory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
)

const (
	readyTimeout = 30 * time.Second
	lockTimeout  = 5 * time.Second
)

type options struct {
	dir       string
	port      int
	override  string
	readyFile string
}

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintf(os.Stderr, "database: %v\n", err)
		os.Exit(1)
	}
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options

	flags := flag.NewFlagSet("database", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.dir, "dir", "", "directory of the data, made if absent")
	flags.IntVar(&o.port, "port", 0, "port on 127.0.0.1; 0 picks one")
	flags.StringVar(&o.override, "override", "",
		"file of given answers to named commands")
	flags.StringVar(&o.readyFile, "ready-file", "",
		"file to write the address to when the server answers")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.dir == "" {
		return o, errors.New("--dir is required")
	}
	if o.port < 0 || o.port > 65535 {
		return o, fmt.Errorf("--port %d is not a port", o.port)
	}
	return o, nil
}

func run(args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(),
		syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// The second signal finds the default action again.
	context.AfterFunc(ctx, stop)

	lock, err := lockDir(o.dir)
	if err != nil {
		return err
	}
	defer lock.Close()

	address := fmt.Sprintf("127.0.0.1:%d", o.port)
	if o.override == "" {
		err = runDirect(ctx, o, address, stdout, stderr)
	} else {
		err = runOverridden(ctx, o, address, stdout, stderr)
	}
	return err
}

// runDirect lets FerretDB listen on the address itself.
func runDirect(ctx context.Context, o options, address string,
	stdout, stderr io.Writer) error {
	db, err := newServer(o.dir, ferretdb.ListenerConfig{TCP: address},
		stderr)
	if err != nil {
		return err
	}
	address, err = hostOf(db.MongoDBURI())
	if err != nil {
		return err
	}
	return serve(ctx, o, address, stdout, db.Run)
}

// runOverridden puts the proxy between the address and FerretDB, which then
// listens on an abstract socket: neither a port nor a file.
func runOverridden(ctx context.Context, o options, address string,
	stdout, stderr io.Writer) error {
	overrides, err := newOverrides(o.override, stderr)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	inner := fmt.Sprintf("@database-%d-%d", os.Getpid(),
		time.Now().UnixNano())
	db, err := newServer(o.dir, ferretdb.ListenerConfig{Unix: inner},
		stderr)
	if err != nil {
		listener.Close()
		return err
	}

	p := &proxy{overrides: overrides, stderr: stderr,
		dial: func() (net.Conn, error) {
			return net.Dial("unix", inner)
		},
	}
	return serve(ctx, o, listener.Addr().String(), stdout,
		func(ctx context.Context) error {
			done := make(chan struct{})
			go func() {
				p.run(ctx, listener)
				close(done)
			}()
			err := db.Run(ctx)
			<-done
			return err
		})
}

func newServer(dir string, listener ferretdb.ListenerConfig,
	stderr io.Writer) (*ferretdb.FerretDB, error) {
	sqliteURL, err := sqliteURL(dir)
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.NewTextHandler(stderr,
		&slog.HandlerOptions{Level: slog.LevelWarn}))
	return ferretdb.New(&ferretdb.Config{
		Listener:  listener,
		Logger:    logger,
		Handler:   "sqlite",
		SQLiteURL: sqliteURL,
	})
}

// serve runs the server until ctx ends, and tells of it when it answers.
func serve(ctx context.Context, o options, address string, stdout io.Writer,
	runServer func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	ended := make(chan error, 1)
	go func() { ended <- runServer(ctx) }()

	err := awaitAnswer(ctx, address)
	if err == nil {
		err = announce(address, o.readyFile, stdout)
	}
	if err != nil && ctx.Err() == nil {
		cancel()
		<-ended
		return err
	}
	return <-ended
}

// awaitAnswer returns when a ping over the wire was answered.
func awaitAnswer(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()

	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	if err := ping(conn); err != nil {
		return fmt.Errorf("no answer from %s: %w", address, err)
	}
	return nil
}

func announce(address, readyFile string, stdout io.Writer) error {
	if _, err := fmt.Fprintf(stdout, "ready %s\n", address); err != nil {
		return err
	}
	if readyFile == "" {
		return nil
	}
	// Renamed into place, so that a reader never sees half of it.
	partial := readyFile + ".partial"
	if err := os.WriteFile(partial, []byte(address+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(partial, readyFile)
}

// lockDir makes dir and keeps a second server out of it: two would cache
// different lists of collections. A server killed a moment ago may still be
// on its way out, hence the patience.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(lockTimeout)
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) ||
			time.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", dir, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
