package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
)

// overrides is the file of given answers, as it stands on the disk.
type overrides struct {
	path   string
	stderr io.Writer

	mu     sync.Mutex
	raw    []byte
	parsed []override
}

// override is one entry of the file, ready to be sent.
type override struct {
	command    string
	db         string // empty: any
	collection string // empty: any
	merge      bool

	reply     bson.Raw   // for a merge, or without documents
	documents []bson.Raw // firstBatch of a cursor; nil: none given
}

// fileEntry is one entry as it is written; documents are extended JSON.
type fileEntry struct {
	Command    string            `json:"command"`
	DB         string            `json:"db"`
	Collection string            `json:"collection"`
	Reply      json.RawMessage   `json:"reply"`
	Documents  []json.RawMessage `json:"documents"`
	Merge      bool              `json:"merge"`
	Fail       *fileFailure      `json:"fail"`
}

type fileFailure struct {
	Code     int32  `json:"code"`
	CodeName string `json:"codeName"`
	Message  string `json:"errmsg"`
}

func newOverrides(path string, stderr io.Writer) (*overrides, error) {
	o := &overrides{path: path, stderr: stderr}
	if err := o.reload(); err != nil {
		return nil, err
	}
	return o, nil
}

// find returns the first entry that fits c, or nil.
//
// hello, isMaster and ismaster are one command in three spellings, and a
// driver chooses among them: an entry for one serves the others too, unless
// they have their own.
func (o *overrides) find(c command) *override {
	o.mu.Lock()
	defer o.mu.Unlock()

	if err := o.reload(); err != nil {
		fmt.Fprintf(o.stderr, "database: %v; keeping the old answers\n",
			err)
	}
	for i := range o.parsed {
		if o.parsed[i].command == c.name && o.parsed[i].fits(c) {
			return &o.parsed[i]
		}
	}
	for i := range o.parsed {
		if isHello(o.parsed[i].command) && isHello(c.name) &&
			o.parsed[i].fits(c) {
			return &o.parsed[i]
		}
	}
	return nil
}

// reload compares the whole file, because its time of change may be the same
// for two writes a few milliseconds apart. An absent file is an empty one.
func (o *overrides) reload() error {
	raw, err := os.ReadFile(o.path)
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = nil, nil
	}
	if err != nil {
		return err
	}
	if bytes.Equal(raw, o.raw) {
		return nil
	}
	o.raw = raw // a faulty text is complained of once
	parsed, err := parseOverrides(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	o.parsed = parsed
	return nil
}

func parseOverrides(raw []byte) ([]override, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var file struct {
		Commands []fileEntry `json:"commands"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("text after the end of the object")
	}

	parsed := make([]override, 0, len(file.Commands))
	for i, entry := range file.Commands {
		o, err := entry.parse()
		if err != nil {
			return nil, fmt.Errorf("commands[%d] %q: %w", i,
				entry.Command, err)
		}
		parsed = append(parsed, o)
	}
	return parsed, nil
}

func (e *fileEntry) parse() (override, error) {
	o := override{command: e.Command, db: e.DB, collection: e.Collection,
		merge: e.Merge}

	given := 0
	for _, is := range []bool{e.Reply != nil, e.Documents != nil,
		e.Fail != nil} {
		if is {
			given++
		}
	}
	switch {
	case e.Command == "":
		return o, errors.New(`"command" is missing`)
	case given != 1:
		return o, errors.New(
			`one of "reply", "documents" and "fail" is needed`)
	case e.Merge && e.Reply == nil:
		return o, errors.New(`"merge" goes with "reply" only`)
	}

	var err error
	switch {
	case e.Fail != nil:
		o.reply, err = bson.Marshal(bson.D{
			{Key: "ok", Value: 0.0},
			{Key: "errmsg", Value: e.Fail.Message},
			{Key: "code", Value: e.Fail.Code},
			{Key: "codeName", Value: e.Fail.CodeName},
		})
	case e.Reply != nil:
		o.reply, err = extendedJSON(e.Reply)
		if err == nil && !e.Merge && o.reply.Lookup("ok").IsZero() {
			o.reply, err = overlay(o.reply, okDocument)
		}
	default:
		o.documents = make([]bson.Raw, len(e.Documents))
		for i, text := range e.Documents {
			o.documents[i], err = extendedJSON(text)
			if err != nil {
				break
			}
		}
	}
	return o, err
}

func (o *override) fits(c command) bool {
	return (o.db == "" || o.db == c.db) &&
		(o.collection == "" || o.collection == c.collection)
}

// answer is the given answer alone.
func (o *override) answer(c command) (message, error) {
	if o.documents == nil {
		return newReply(c, o.reply), nil
	}
	collection := c.collection
	if collection == "" {
		collection = "$cmd." + c.name
	}
	doc, err := bson.Marshal(bson.D{
		{Key: "cursor", Value: bson.D{
			{Key: "firstBatch", Value: o.documents},
			{Key: "id", Value: int64(0)},
			{Key: "ns", Value: c.db + "." + collection},
		}},
		{Key: "ok", Value: 1.0},
	})
	if err != nil {
		return nil, err
	}
	return newReply(c, doc), nil
}

// mergeInto lays the given fields over the answer of the database.
func (o *override) mergeInto(c command, reply message) (message, error) {
	doc, err := replyDocument(reply)
	if err != nil {
		return nil, err
	}
	if doc, err = overlay(doc, o.reply); err != nil {
		return nil, err
	}
	return newReply(c, doc), nil
}

var okDocument = func() bson.Raw {
	doc, err := bson.Marshal(bson.D{{Key: "ok", Value: 1.0}})
	if err != nil {
		panic(err)
	}
	return doc
}()

// overlay is base with the fields of over, each in its old place if base has
// it and at the end if not.
func overlay(base, over bson.Raw) (bson.Raw, error) {
	elements, err := base.Elements()
	if err != nil {
		return nil, err
	}
	extra, err := over.Elements()
	if err != nil {
		return nil, err
	}

	merged := bson.D{}
	for _, e := range elements {
		value := e.Value()
		if v, err := over.LookupErr(e.Key()); err == nil {
			value = v
		}
		merged = append(merged, bson.E{Key: e.Key(), Value: value})
	}
	for _, e := range extra {
		if _, err := base.LookupErr(e.Key()); err != nil {
			merged = append(merged,
				bson.E{Key: e.Key(), Value: e.Value()})
		}
	}
	return bson.Marshal(merged)
}

func extendedJSON(text []byte) (bson.Raw, error) {
	var doc bson.D
	if err := bson.UnmarshalExtJSON(text, false, &doc); err != nil {
		return nil, err
	}
	return bson.Marshal(doc)
}

func isHello(name string) bool {
	return name == "hello" || name == "isMaster" || name == "ismaster"
}
