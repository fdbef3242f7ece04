package main

import (
	"net/url"
	"path/filepath"
)

// sqliteURL names dir and the settings of every SQLite connection.
//
// A killed process loses nothing that was acknowledged: with a write-ahead
// log the operating system holds every committed page. synchronous=normal
// adds a sync at each checkpoint, so that a power cut leaves a consistent
// older state. _txlock=immediate takes the write lock at the start of a
// transaction; a later upgrade of a read lock fails at once, whatever the
// busy timeout. Temporary tables stay in memory, not in another directory.
func sqliteURL(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	settings := url.Values{
		"_pragma": {
			"busy_timeout(60000)",
			"journal_mode(wal)",
			"synchronous(normal)",
			"temp_store(memory)",
		},
		"_txlock": {"immediate"},
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: dir + "/",
		RawQuery: settings.Encode()}
	return u.String(), nil
}

func hostOf(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}
