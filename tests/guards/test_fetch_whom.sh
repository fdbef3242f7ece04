#!/usr/bin/env bash
# Whom a download believes: certificates, redirects, proxies, and the vendor's
# feed, in all the ways in which they can be wrong.
. "$(dirname "$0")/fetching.sh"

certificates() {
	fresh
	edit_fleet "s# ca: [^,]*,##"
	refuses artifact "$WEB/new.tgz: SSL certificate problem: " "the certificate of an unknown CA"
	artifact "url: \"https://127.0.0.1:${WEB##*:}/new.tgz\", sha256: $SHA"
	says_no artifact 'https://127.0.0.1:[0-9]+/new.tgz: SSL: .*127.0.0.1' "another host's certificate"
	certificate old localhost -1
	serve old
	artifact "url: \"https://localhost:$REPLY/new.tgz\", sha256: $SHA"
	says_no artifact 'https://localhost:[0-9]+/new.tgz: SSL certificate problem: certificate has expired' "an expired certificate"
	artifact
	edit_fleet "s#ca: [^,]*#ca: $W/tls/nowhere.pem#"
	says_no artifact "$WEB/new.tgz: .*nowhere.pem" "a CA file that is not there"
	asked 0 true
	artifact
}

addresses() {
	edit_fleet "s#url: \"https:#url: \"http:#"
	refused_early "http://" "$W/fleet.yaml:[0-9]+: artifact.url must be an https:// address"
	artifact
	edit_fleet "s#url: \"https://#&me@#"
	refused_early "a user in the address" "$W/fleet.yaml:[0-9]+: "
	artifact
	edit_fleet "s#, sha256: $SHA##"
	refused_early "no digest" "$W/fleet.yaml:[0-9]+: artifact must have a sha256"
	artifact
	edit_fleet "s#url: #file: /x.tgz, &#"
	refused_early "two sources" "$W/fleet.yaml:[0-9]+: artifact must have exactly one of file, url and feed"
	artifact
}

redirects() {
	fresh
	fault new.tgz "$(jq -nc --arg to "http://localhost:${WEB##*:}/new.tgz" '{kind: "redirect", to: $to}')"
	says_no artifact "$WEB/new.tgz: it leads on to an address that is not https://" "a redirect to http://"
	fault new.tgz "$(jq -nc --arg to "file://$ARCHIVE" '{kind: "redirect", to: $to}')"
	says_no artifact "$WEB/new.tgz: it leads on to an address that is not https://" "a redirect to a file"
	: >"$W/web/log.ndjson"
	fault new.tgz '{"kind": "redirect", "to": "/new.tgz"}'
	says_no artifact "$WEB/new.tgz: it leads on and on" "a redirect in circles"
	asked 6 '.status == 302' # the limit, and not one more
}

redirect_is_followed() {
	fresh
	cp "$ARCHIVE" "$W/web/files/elsewhere.tgz"
	fault new.tgz "$(jq -nc --arg to "$WEB/elsewhere.tgz" '{kind: "redirect", to: $to}')"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "a redirect to https://"
	expect_cached "a redirect to https://"
}

proxies() {
	local proxy
	fresh
	free_port
	proxy=$REPLY
	edit_fleet "s#artifact: {#&proxy: \"http://127.0.0.1:$proxy\", #"
	says_no artifact "$WEB/new.tgz: .*$proxy" "a proxy that is not there"
	setsid python3 "$guards_dir/connect_proxy.py" "$proxy" "$W/web/proxy.log" >"$W/out.proxy" 2>&1 </dev/null &
	disown
	until_true 30 grep -qs listening "$W/out.proxy" || fail "the proxy does not come up"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "through a proxy"
	expect_cached "through a proxy"
	grep -qx "CONNECT localhost:${WEB##*:} none" "$W/web/proxy.log" || fail "not through the proxy"
	edit_fleet "s#proxy: \"http://#&me:$SECRET@#"
	syncup plan "$W/fleet.yaml"
	expect_sentence 3 "$W/fleet.yaml:[0-9]+: " "a password in the fleet file"
	cp "$W/out.syncup.err" "$W/out.kept.file"
	artifact # the world's end looks for the password in all that was said
	rm -rf "$CACHE"
	export https_proxy="http://me:$SECRET@127.0.0.1:$proxy"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "through the environment's proxy"
	grep -qx "CONNECT localhost:${WEB##*:} given" "$W/web/proxy.log" || fail "without its password"
	cp "$W/out.syncup" "$W/out.kept.good"
	rm -rf "$CACHE"
	free_port
	export https_proxy="http://me:$SECRET@127.0.0.1:$REPLY"
	says_no artifact "$WEB/new.tgz: " "the environment's proxy that is not there"
	cp "$W/out.syncup" "$W/out.kept.bad"
	# libcurl quotes what it cannot read; that this is a secret cannot be seen.
	export https_proxy="$SECRET@127.0.0.1:99999"
	says_no artifact "$WEB/new.tgz: the proxy's address is malformed" "the environment's proxy that is none"
	cp "$W/out.syncup" "$W/out.kept.malformed"
	unset https_proxy
}

# feed [FILTER]: what the vendor lists, changed by jq
feed() {
	jq -n --arg url "$WEB/new.tgz" --arg sha "$SHA" --arg to "$TO" --arg here "$HERE" --arg arch "$(uname -m)" '
		def archive: {url: $url, sha256: $sha};
		{versions: [
			{version: "1.12.0", downloads: []},
			{version: $to, downloads: [
				{name: "ubuntu9904", arch: "x86_64", archive: {url: "https://localhost:1/no", sha256: $sha}},
				{name: $here, arch: "m68k", archive: {url: "https://localhost:1/no", sha256: $sha}},
				{name: $here, arch: $arch, archive: archive}]},
			{version: "1.99.0", downloads: []}]} | '"${1:-.}" >"$W/web/files/full.json"
}

feeds() {
	fresh
	HERE=$(. /etc/os-release && printf '%s%s' "$ID" "${VERSION_ID%%.*}")
	[ "$HERE" = debian12 ] || HERE=special
	artifact "feed: \"$WEB/full.json\", platform: $HERE"
	feed
	syncup plan "$W/fleet.yaml"
	expect_code 0 "a feed"
	expect_cached "a feed"
	said "^pass +artifact +$WEB/new.tgz: fetched, sha256 as the feed says"
	if [ "$HERE" = debian12 ]; then
		artifact "feed: \"$WEB/full.json\""
		syncup plan "$W/fleet.yaml"
		expect_code 0 "a feed, and the platform by itself"
	fi
	rm -rf "$CACHE"
	artifact "feed: \"$WEB/full.json\", platform: beos5"
	says_no artifact "$WEB/full.json: the feed has $TO, but not for beos5 [^ ]+; it has ubuntu9904 x86_64, " "a platform that is not in the feed"
	artifact "feed: \"$WEB/full.json\", platform: $HERE"
	feed "del(.versions[1])"
	says_no artifact "$WEB/full.json: the feed has no version $TO; it has 1.99.0, 1.12.0" "a version that is not in the feed"
	feed '.versions[1].downloads[2].archive.sha256 |= sub("^........"; "01234567")'
	says_no artifact "$WEB/new.tgz: what came has SHA-256 $SHA, not 01234567" "a feed with a wrong digest"
	expect_partial none "a feed with a wrong digest"
	feed 'del(.versions[1].downloads[2].archive.sha256)'
	says_no artifact "$WEB/full.json: the feed says no SHA-256 of it: write" "a feed without a digest"
	feed '.versions[1].downloads[2].archive.url = "http://localhost/new.tgz"'
	says_no artifact "$WEB/full.json: the feed names no https:// address" "a feed that names http://"
	artifact "feed: \"$WEB/full.json\", platform: $HERE, sha256: ${SHA//[0-7]/a}"
	feed
	says_no artifact "$WEB/[^ ]+: the feed says SHA-256 $SHA, the fleet file " "a feed that does not agree"
	artifact "feed: \"$WEB/full.json\", platform: $HERE"
	printf '{"versions": [' >"$W/web/files/full.json"
	says_no artifact "$WEB/full.json: the feed is no JSON" "a feed that is no JSON"
	printf '{"releases": []}' >"$W/web/files/full.json"
	says_no artifact "$WEB/full.json: this is no release feed" "a feed of something else"
	head -c 9000000 /dev/zero | tr '\0' ' ' >"$W/web/files/full.json"
	says_no artifact "$WEB/full.json: it is larger than 8.0 MiB" "a huge feed"
	rm "$W/web/files/full.json"
	says_no artifact "$WEB/full.json: the server answers 404" "no feed"
}

https_world
certificates
addresses
redirects
redirect_is_followed
proxies
feeds
