package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/x/bsonx/bsoncore"
	"go.mongodb.org/mongo-driver/x/mongo/driver/wiremessage"
)

const (
	headerSize     = 16
	maxMessageSize = 48_000_000
)

var errMalformed = errors.New("malformed message")

// message is one whole wire message, header included.
type message []byte

// command is what the proxy must know of a request.
type command struct {
	name       string
	db         string
	collection string // the command's first value, if that is a string
	body       bson.Raw
	requestID  int32
	opcode     wiremessage.OpCode
	noReply    bool
}

func readMessage(r io.Reader) (message, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	length, _, _, _, _, _ := wiremessage.ReadHeader(header[:])
	if length < headerSize || length > maxMessageSize {
		return nil, fmt.Errorf("%w: %d bytes", errMalformed, length)
	}
	m := make(message, length)
	copy(m, header[:])
	if _, err := io.ReadFull(r, m[headerSize:]); err != nil {
		return nil, fmt.Errorf("message cut short: %w", err)
	}
	return m, nil
}

// parseCommand reports false for what is no command in a form it knows.
func parseCommand(m message) (command, bool) {
	_, requestID, _, opcode, rest, ok := wiremessage.ReadHeader(m)
	if !ok {
		return command{}, false
	}
	c := command{requestID: requestID, opcode: opcode}

	switch opcode {
	case wiremessage.OpMsg:
		c.noReply = wiremessage.IsMsgMoreToCome(m)
		if c.body, ok = bodySection(rest); !ok {
			return c, false
		}
		c.db, _ = c.body.Lookup("$db").StringValueOK()
	case wiremessage.OpQuery:
		if c.db, c.body, ok = queryCommand(rest); !ok {
			return c, false
		}
	default:
		return c, false
	}

	first, err := c.body.IndexErr(0)
	if err != nil {
		return c, false
	}
	c.name = first.Key()
	c.collection, _ = first.Value().StringValueOK()
	return c, true
}

// bodySection finds the one body among the sections of an OP_MSG.
func bodySection(rest []byte) (bson.Raw, bool) {
	_, rest, ok := wiremessage.ReadMsgFlags(rest)
	for ok && len(rest) > 0 {
		var kind wiremessage.SectionType
		if kind, rest, ok = wiremessage.ReadMsgSectionType(rest); !ok {
			break
		}
		switch kind {
		case wiremessage.SingleDocument:
			doc, _, ok := wiremessage.ReadMsgSectionSingleDocument(rest)
			return checked(doc, ok)
		case wiremessage.DocumentSequence:
			_, _, rest, ok =
				wiremessage.ReadMsgSectionRawDocumentSequence(rest)
		default:
			return nil, false
		}
	}
	return nil, false
}

// queryCommand reads the command from an OP_QUERY, in which drivers send
// their first hello.
func queryCommand(rest []byte) (db string, body bson.Raw, ok bool) {
	if _, rest, ok = wiremessage.ReadQueryFlags(rest); !ok {
		return "", nil, false
	}
	ns, rest, ok := wiremessage.ReadQueryFullCollectionName(rest)
	if !ok {
		return "", nil, false
	}
	db, isCommand := strings.CutSuffix(ns, ".$cmd")
	if !isCommand {
		return "", nil, false
	}
	if _, rest, ok = wiremessage.ReadQueryNumberToSkip(rest); !ok {
		return "", nil, false
	}
	if _, rest, ok = wiremessage.ReadQueryNumberToReturn(rest); !ok {
		return "", nil, false
	}
	doc, _, ok := wiremessage.ReadQueryQuery(rest)
	if body, ok = checked(doc, ok); !ok {
		return "", nil, false
	}
	if inner, ok := body.Lookup("$query").DocumentOK(); ok {
		body = inner
	}
	return db, body, true
}

// replyDocument is the document of an answer to a command.
func replyDocument(m message) (bson.Raw, error) {
	_, _, _, opcode, rest, ok := wiremessage.ReadHeader(m)
	if !ok {
		return nil, errMalformed
	}
	var doc bson.Raw

	switch opcode {
	case wiremessage.OpMsg:
		doc, ok = bodySection(rest)
	case wiremessage.OpReply:
		// Flags, cursor, start and count are of no interest, but are read
		// one by one: the package knows their sizes.
		if _, rest, ok = wiremessage.ReadReplyFlags(rest); !ok {
			break
		}
		if _, rest, ok = wiremessage.ReadReplyCursorID(rest); !ok {
			break
		}
		if _, rest, ok = wiremessage.ReadReplyStartingFrom(rest); !ok {
			break
		}
		if _, rest, ok = wiremessage.ReadReplyNumberReturned(rest); !ok {
			break
		}
		var first bsoncore.Document
		first, _, ok = wiremessage.ReadReplyDocument(rest)
		doc, ok = checked(first, ok)
	default:
		ok = false
	}
	if !ok {
		return nil, errMalformed
	}
	return doc, nil
}

// checked vouches for a document from outside: the accessors of bson.Raw
// may panic on one that is not valid.
func checked(doc bsoncore.Document, ok bool) (bson.Raw, bool) {
	if !ok || doc.Validate() != nil {
		return nil, false
	}
	return bson.Raw(doc), true
}

// newReply answers c in the form in which it was asked.
func newReply(c command, doc bson.Raw) message {
	var start int32
	var m []byte

	if c.opcode == wiremessage.OpQuery {
		start, m = appendHeader(m, c.requestID, wiremessage.OpReply)
		m = wiremessage.AppendReplyFlags(m, wiremessage.AwaitCapable)
		m = wiremessage.AppendReplyCursorID(m, 0)
		m = wiremessage.AppendReplyStartingFrom(m, 0)
		m = wiremessage.AppendReplyNumberReturned(m, 1)
	} else {
		start, m = appendHeader(m, c.requestID, wiremessage.OpMsg)
		m = wiremessage.AppendMsgFlags(m, 0)
		m = wiremessage.AppendMsgSectionType(m,
			wiremessage.SingleDocument)
	}
	m = append(m, doc...)
	return bsoncore.UpdateLength(m, start, int32(len(m)))
}

func appendHeader(m []byte, responseTo int32, opcode wiremessage.OpCode) (
	int32, []byte) {
	return wiremessage.AppendHeaderStart(m, wiremessage.NextRequestID(),
		responseTo, opcode)
}

// ping asks once. Any answer will do: ping itself may be overridden.
func ping(conn io.ReadWriter) error {
	body, err := bson.Marshal(bson.D{{Key: "ping", Value: 1},
		{Key: "$db", Value: "admin"}})
	if err != nil {
		return err
	}
	// A request and a reply have the same form.
	request := newReply(command{opcode: wiremessage.OpMsg}, body)
	if _, err := conn.Write(request); err != nil {
		return err
	}
	m, err := readMessage(conn)
	if err != nil {
		return err
	}
	_, err = replyDocument(m)
	return err
}
