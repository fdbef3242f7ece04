package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	mongooptions "go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/x/mongo/driver/wiremessage"
)

const (
	asServer    = "DATABASE_TEST_AS_SERVER"
	testTimeout = 60 * time.Second
)

// The test binary started with asServer set is the server under test.
func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

type server struct {
	cmd     *exec.Cmd
	stderr  bytes.Buffer
	address string
}

func startServer(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	s := &server{cmd: exec.Command(os.Args[0],
		append([]string{"--dir", dir}, args...)...)}
	s.cmd.Env = append(os.Environ(), asServer+"=1")
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	check(t, err)
	check(t, s.cmd.Start())
	t.Cleanup(func() { s.kill(t) })

	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.kill(t)
		t.Fatalf("no ready line: %v; stderr: %s", err, &s.stderr)
	}
	address, ok := strings.CutPrefix(line, "ready ")
	if !ok {
		t.Fatalf("first line is %q", line)
	}
	s.address = strings.TrimSpace(address)
	return s
}

// kill is SIGKILL, and a no-operation on a server that has ended.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if s.cmd.ProcessState == nil {
		check(t, s.cmd.Process.Kill())
		_ = s.cmd.Wait()
	}
}

func (s *server) terminate(t *testing.T) {
	t.Helper()
	check(t, s.cmd.Process.Signal(syscall.SIGTERM))
	if err := s.cmd.Wait(); err != nil {
		t.Fatalf("after SIGTERM: %v; stderr: %s", err, &s.stderr)
	}
}

func (s *server) connect(t *testing.T) *mongo.Client {
	t.Helper()
	client, err := mongo.Connect(testContext(t),
		mongooptions.Client().ApplyURI("mongodb://"+s.address+
			"/?directConnection=true&serverSelectionTimeoutMS=5000"))
	check(t, err)
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, not %v", what, got, want)
	}
}

func overrideFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "override.json")
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func replaceFile(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.WriteFile(path+".new", []byte(text), 0o600))
	check(t, os.Rename(path+".new", path))
}

func runCommand(t *testing.T, db *mongo.Database, cmd any) bson.M {
	t.Helper()
	var reply bson.M
	check(t, db.RunCommand(testContext(t), cmd).Decode(&reply))
	return reply
}

func count(t *testing.T, c *mongo.Collection) int64 {
	t.Helper()
	n, err := c.CountDocuments(testContext(t), bson.D{})
	check(t, err)
	return n
}

func numbered(from, to int) []any {
	var docs []any
	for i := from; i < to; i++ {
		docs = append(docs, bson.D{{Key: "_id", Value: int64(i)},
			{Key: "text", Value: fmt.Sprintf("document %d", i)}})
	}
	return docs
}

func TestOperations(t *testing.T) {
	for name, args := range map[string][]string{
		"direct":     nil,
		"overridden": {"--override", overrideFile(t, `{"commands":[]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, t.TempDir(), args...)
			testOperations(t, s.connect(t))
		})
	}
}

func testOperations(t *testing.T, client *mongo.Client) {
	ctx := testContext(t)
	items := client.Database("shop").Collection("items")

	_, err := items.InsertMany(ctx, numbered(0, 250))
	check(t, err)

	cursor, err := items.Find(ctx, bson.M{"_id": bson.M{"$gt": int64(9)}},
		mongooptions.Find().SetSort(bson.M{"_id": 1}).SetLimit(200).
			SetBatchSize(50))
	check(t, err)
	var found []struct {
		ID int64 `bson:"_id"`
	}
	check(t, cursor.All(ctx, &found))
	equal(t, "documents found", len(found), 200)
	for i := range found {
		equal(t, "_id", found[i].ID, int64(i+10))
	}

	updated, err := items.UpdateOne(ctx, bson.M{"_id": int64(5)},
		bson.M{"$set": bson.M{"text": "new"}})
	check(t, err)
	equal(t, "modified", updated.ModifiedCount, 1)
	replaced, err := items.ReplaceOne(ctx, bson.M{"_id": int64(1000)},
		bson.M{"text": "upserted"},
		mongooptions.Replace().SetUpsert(true))
	check(t, err)
	equal(t, "upserted", replaced.UpsertedCount, 1)
	deleted, err := items.DeleteMany(ctx,
		bson.M{"_id": bson.M{"$lt": int64(5)}})
	check(t, err)
	equal(t, "deleted", deleted.DeletedCount, 5)
	equal(t, "documents left", count(t, items), 246)

	names, err := client.ListDatabaseNames(ctx, bson.D{})
	check(t, err)
	equal(t, "databases", strings.Join(names, " "), "shop")
	names, err = client.Database("shop").ListCollectionNames(ctx, bson.D{})
	check(t, err)
	equal(t, "collections", strings.Join(names, " "), "items")

	_, err = items.InsertOne(ctx, bson.M{"_id": int64(7)})
	if !mongo.IsDuplicateKeyError(err) {
		t.Fatalf("second document of one _id: %v", err)
	}
}

func TestTermination(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"direct":     nil,
		"overridden": {"--override", overrideFile(t, "")},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := startServer(t, dir, args...)
			items := s.connect(t).Database("shop").Collection("items")
			_, err := items.InsertMany(testContext(t),
				numbered(0, 100))
			check(t, err)
			s.terminate(t)

			s = startServer(t, dir, args...)
			items = s.connect(t).Database("shop").Collection("items")
			equal(t, "documents", count(t, items), 100)
		})
	}
}

func TestKillKeepsAcknowledged(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir)
	items := s.connect(t).Database("shop").Collection("items")

	acknowledged := make(chan int, 1)
	enough := make(chan struct{})
	go func() {
		const batch = 20
		n := 0
		for {
			_, err := items.InsertMany(context.Background(),
				numbered(n, n+batch))
			if err != nil {
				acknowledged <- n
				return
			}
			n += batch
			if n == 10*batch {
				close(enough)
			}
		}
	}()
	select {
	case <-enough:
	case n := <-acknowledged:
		t.Fatalf("insert failed after %d documents", n)
	}
	s.kill(t)
	n := <-acknowledged

	s = startServer(t, dir)
	items = s.connect(t).Database("shop").Collection("items")
	stored, err := items.CountDocuments(testContext(t),
		bson.M{"_id": bson.M{"$lt": int64(n)}})
	check(t, err)
	equal(t, "acknowledged documents", stored, int64(n))
}

func TestSecondServerIsKeptOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startServer(t, dir)
	second := exec.Command(os.Args[0], "--dir", dir)
	second.Env = append(os.Environ(), asServer+"=1")
	out, err := second.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "locking") {
		t.Fatalf("second server: %v, %s", err, out)
	}
}

func TestReadyFileAndGivenPort(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	address := free.Addr().String()
	check(t, free.Close())
	_, port, err := net.SplitHostPort(address)
	check(t, err)

	path := filepath.Join(t.TempDir(), "ready")
	s := startServer(t, t.TempDir(), "--port", port, "--ready-file", path)
	equal(t, "address", s.address, address)
	deadline := time.Now().Add(testTimeout)
	for {
		text, err := os.ReadFile(path)
		if err == nil {
			equal(t, "ready file", string(text), address+"\n")
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestOverrideReply(t *testing.T) {
	file := overrideFile(t, `{"commands":[
		{"command":"listShards","db":"admin","reply":{"shards":[
			{"_id":"shard0","state":1}],
			"t":{"$timestamp":{"t":5,"i":6}}}},
		{"command":"count","collection":"items","reply":{"n":77}}]}`)
	client := startServer(t, t.TempDir(), "--override", file).connect(t)

	reply := runCommand(t, client.Database("admin"), bson.M{"listShards": 1})
	shard := reply["shards"].(bson.A)[0].(bson.M)
	equal(t, "shard", shard["_id"], any("shard0"))
	equal(t, "ok", reply["ok"], any(1.0))
	err := client.Database("other").RunCommand(testContext(t),
		bson.M{"listShards": 1}).Err()
	var failure mongo.CommandError
	if !errors.As(err, &failure) || failure.Name != "CommandNotFound" {
		t.Fatalf("listShards of another database: %v", err)
	}

	shop := client.Database("shop")
	reply = runCommand(t, shop, bson.M{"count": "items"})
	equal(t, "n of items", reply["n"], any(int32(77)))
	reply = runCommand(t, shop, bson.M{"count": "others"})
	equal(t, "n of others", reply["n"], any(int32(0)))
}

func TestOverrideDocuments(t *testing.T) {
	file := overrideFile(t, `{"commands":[
		{"command":"find","db":"local","collection":"oplog.rs",
			"documents":[{"ts":{"$timestamp":{"t":9,"i":1}}},{"n":2}]},
		{"command":"aggregate","collection":"empty","documents":[]}]}`)
	client := startServer(t, t.TempDir(), "--override", file).connect(t)
	ctx := testContext(t)

	cursor, err := client.Database("local").Collection("oplog.rs").Find(ctx,
		bson.D{})
	check(t, err)
	var docs []bson.M
	check(t, cursor.All(ctx, &docs))
	equal(t, "documents", len(docs), 2)
	equal(t, "n", docs[1]["n"], any(int32(2)))

	cursor, err = client.Database("local").Collection("empty").Aggregate(ctx,
		mongo.Pipeline{})
	check(t, err)
	check(t, cursor.All(ctx, &docs))
	equal(t, "documents", len(docs), 0)

	other := client.Database("shop").Collection("oplog.rs")
	_, err = other.InsertOne(ctx, bson.M{"real": true})
	check(t, err)
	var doc bson.M
	check(t, other.FindOne(ctx, bson.D{}).Decode(&doc))
	equal(t, "real", doc["real"], any(true))
}

// The driver's first hello comes as OP_QUERY and names isMaster, the later
// ones as OP_MSG; one entry must serve all.
func TestOverrideMergeIntoHello(t *testing.T) {
	file := overrideFile(t, `{"commands":[{"command":"hello","merge":true,
		"reply":{"msg":"isdbgrid","maxWireVersion":20}}]}`)
	client := startServer(t, t.TempDir(), "--override", file).connect(t)

	for _, name := range []string{"hello", "isMaster", "ismaster"} {
		reply := runCommand(t, client.Database("admin"), bson.M{name: 1})
		equal(t, name+" msg", reply["msg"], any("isdbgrid"))
		equal(t, name+" maxWireVersion", reply["maxWireVersion"],
			any(int32(20)))
		equal(t, name+" maxMessageSizeBytes",
			reply["maxMessageSizeBytes"], any(int32(48000000)))
	}
}

func TestOverrideFail(t *testing.T) {
	file := overrideFile(t, `{"commands":[{"command":"dbStats","fail":
		{"code":13,"codeName":"Unauthorized","errmsg":"not allowed"}}]}`)
	client := startServer(t, t.TempDir(), "--override", file).connect(t)

	err := client.Database("shop").RunCommand(testContext(t),
		bson.M{"dbStats": 1}).Err()
	var failure mongo.CommandError
	if !errors.As(err, &failure) {
		t.Fatalf("dbStats: %v", err)
	}
	equal(t, "code", failure.Code, 13)
	equal(t, "codeName", failure.Name, "Unauthorized")
	equal(t, "errmsg", failure.Message, "not allowed")
}

func TestOverrideReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent.json")
	s := startServer(t, t.TempDir(), "--override", path)
	shop := s.connect(t).Database("shop")
	n := func() any {
		return runCommand(t, shop, bson.M{"count": "items"})["n"]
	}

	equal(t, "n without a file", n(), any(int32(0)))
	for _, want := range []int32{1, 2, 3} {
		replaceFile(t, path, fmt.Sprintf(`{"commands":[
			{"command":"count","reply":{"n":%d}}]}`, want))
		equal(t, "n", n(), any(want))
	}
	replaceFile(t, path, `{"commands":[`)
	equal(t, "n of a faulty file", n(), any(int32(3)))
	check(t, os.Remove(path))
	equal(t, "n of a removed file", n(), any(int32(0)))
}

func TestParseOverridesFaulty(t *testing.T) {
	for name, text := range map[string]string{
		"no command":       `{"commands":[{"reply":{}}]}`,
		"no answer":        `{"commands":[{"command":"x"}]}`,
		"two answers":      `{"commands":[{"command":"x","reply":{},"documents":[]}]}`,
		"merged documents": `{"commands":[{"command":"x","merge":true,"documents":[]}]}`,
		"unknown field":    `{"commands":[{"command":"x","replay":{}}]}`,
		"reply no object":  `{"commands":[{"command":"x","reply":[1]}]}`,
		"reply null":       `{"commands":[{"command":"x","reply":null}]}`,
		"bad document":     `{"commands":[{"command":"x","documents":[1,{}]}]}`,
		"trailing text":    `{"commands":[]}{}`,
	} {
		if parsed, err := parseOverrides([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %v", name, parsed)
		}
	}
}

// Requests sent ahead are answered in their order, whether the proxy or
// FerretDB answers, and a request that wants no answer gets none.
func TestPipelining(t *testing.T) {
	file := overrideFile(t, `{"commands":[
		{"command":"count","collection":"given","reply":{"n":1}}]}`)
	s := startServer(t, t.TempDir(), "--override", file)
	conn, err := net.Dial("tcp", s.address)
	check(t, err)
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(testTimeout)))

	const requests = 300
	var ahead []byte
	ids := make([]int32, 0, requests)
	for i := range requests {
		collection, flags := "given", wiremessage.MsgFlag(0)
		if i%2 == 1 {
			collection = "real"
		}
		if i%3 == 2 {
			flags = wiremessage.MoreToCome
		}
		request, id := newRequest(t, flags, bson.D{
			{Key: "count", Value: collection},
			{Key: "$db", Value: "shop"}})
		ahead = append(ahead, request...)
		if flags == 0 {
			ids = append(ids, id)
		}
	}
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(ahead)
		sent <- err
	}()
	for _, id := range ids {
		m, err := readMessage(conn)
		check(t, err)
		_, _, responseTo, _, _, _ := wiremessage.ReadHeader(m)
		equal(t, "answered request", responseTo, id)
	}
	check(t, <-sent)
}

func newRequest(t *testing.T, flags wiremessage.MsgFlag, doc bson.D) (message,
	int32) {
	t.Helper()
	body, err := bson.Marshal(doc)
	check(t, err)
	m := newReply(command{opcode: wiremessage.OpMsg}, body)
	_, id, _, _, _, _ := wiremessage.ReadHeader(m)
	withFlags := wiremessage.AppendMsgFlags(
		append(message(nil), m[:headerSize]...), flags)
	return append(withFlags, m[len(withFlags):]...), id
}

func TestLargeMessagesOnManyConnections(t *testing.T) {
	t.Parallel()
	s := startServer(t, t.TempDir(), "--override", overrideFile(t, ""))
	client := s.connect(t)

	var writers sync.WaitGroup
	for i := range 3 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			c := client.Database("shop").Collection(fmt.Sprintf(
				"large%d", i))
			// Two documents of 15 MB travel in one message.
			text := strings.Repeat("x", 15_000_000)
			_, err := c.InsertMany(testContext(t), []any{
				bson.M{"_id": "a", "text": text},
				bson.M{"_id": "b", "text": text}})
			if err != nil {
				t.Error(err)
				return
			}
			var doc struct{ Text string }
			err = c.FindOne(testContext(t),
				bson.M{"_id": "b"}).Decode(&doc)
			if err != nil || doc.Text != text {
				t.Errorf("%d bytes came back: %v",
					len(doc.Text), err)
			}
		}()
	}
	writers.Wait()
}

// Whatever arrives must not take the process down.
func TestGarbageEndsOnlyItsConnection(t *testing.T) {
	s := startServer(t, t.TempDir(), "--override", overrideFile(t, ""))
	whole, _ := newRequest(t, 0, bson.D{{Key: "ping", Value: 1},
		{Key: "$db", Value: "admin"}})
	broken := append(message(nil), whole...)
	broken[headerSize+5]++ // the length of the body

	for name, garbage := range map[string][]byte{
		"text":      []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"zeros":     make([]byte, 64),
		"half":      whole[:len(whole)-3],
		"bad body":  broken,
		"no body":   whole[:0],
		"only head": whole[:headerSize],
	} {
		conn, err := net.Dial("tcp", s.address)
		check(t, err)
		_, err = conn.Write(garbage)
		check(t, err)
		check(t, conn.Close())
		if err := s.connect(t).Ping(testContext(t), nil); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
	}
}
