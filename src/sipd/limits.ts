/**
 * Every bound of the SIP server in one place, each with the outcome of reaching it. A server that
 * talks to strangers owns nothing that can grow without a name here.
 */

/** Bytes of one SIP message. Beyond: 513 if a response can be built, TCP connection closed. */
export const MAX_MESSAGE_BYTES = 64 * 1024;
/** Header lines of one message. Beyond: 400. */
export const MAX_HEADERS = 200;
/** Bytes of one (unfolded) header line. Beyond: 400. */
export const MAX_HEADER_BYTES = 8 * 1024;
/** Transactions still waiting for a final response. Beyond: 503 in, NOK out. */
export const MAX_ACTIVE_TRANSACTIONS = 20_000;
/** Finished transactions kept to answer retransmissions. Beyond: the oldest is forgotten. */
export const MAX_LINGERING_TRANSACTIONS = 60_000;
/** Bytes of requests and answers that transactions keep. Beyond: lingering ones go, then 503. */
export const MAX_TRANSACTION_BYTES = 128 * 1024 * 1024;
/**
 * New INVITEs a client has not reacted to, other new requests, and new requests of known peers:
 * this many of each. Beyond: 503 at once.
 */
export const MAX_UNHEARD_REQUESTS = 1_000;
/** Dialogs, early ones included. Beyond: never acknowledged ones go, then 503 in; NOK out. */
export const MAX_DIALOGS = 20_000;
/** Calls of one address that we accepted and it has not acknowledged. Beyond: 503, unless known. */
export const MAX_UNPROVEN_PER_ADDRESS = 2_000;
/** A call accepted this long ago and not acknowledged is ended where its room is needed. */
export const UNPROVEN_MS = 4_000;
/** Requests of ours under way. Beyond: a BYE to a caller who never acknowledged goes out once. */
export const MAX_FAREWELLS = 1_000;
/** Peers remembered for having received what we sent. Beyond: the one silent longest goes. */
export const MAX_KNOWN_PEERS = 10_000;
/** A known peer not heard of for this long is a stranger again. */
export const KNOWN_PEER_MS = 60 * 60_000;
/** Phones remembered for having registered over a connection. Beyond: the oldest is forgotten. */
export const MAX_BINDINGS = 10_000;
/** Addresses a client has banned. Beyond: the ban that was made first is forgotten. */
export const MAX_BANS = 10_000;
/** Longest ban a client may ask for. Beyond: this long. */
export const MAX_BAN_MS = 30 * 24 * 60 * 60_000;
/** Users a client may name. Beyond: NOK. */
export const MAX_USERS = 1_000;
/** Forks of one outgoing INVITE that may ring at once. Beyond: the response is dropped. */
export const MAX_FORKS = 32;
/** SIP connections over TCP, both directions. Beyond: refused at accept, NOK/503 out. */
export const MAX_TCP_CONNECTIONS = 1_000;
/** Connections that one address may open. Beyond: refused at accept. */
export const MAX_TCP_PER_PEER = 250;
/** Of those the ones accepted; the rest is for connections that we open. Beyond: refused. */
export const MAX_TCP_ACCEPTED = 900;
/**
 * Accepted connections of addresses that new requests are not taken from. Beyond: the oldest that
 * brought nothing we took is closed; if all did, the new one is refused.
 */
export const MAX_TCP_STRANGERS = 100;
/** And of one of them (IPv6: one /64). Beyond: refused at accept. */
export const MAX_TCP_PER_STRANGER = 10;
/** A stranger must bring something that we take within this, else it is closed. */
export const TCP_STRANGER_MS = 5_000;
/** A peer that connects must bring a first whole message within this, else it is closed. */
export const TCP_FIRST_MS = 30_000;
/** A TCP connection without traffic is closed after this. */
export const TCP_IDLE_MS = 10 * 60_000;
/** A TCP peer must complete a message it began within this, else it is closed. */
export const TCP_PARTIAL_MS = 30_000;
/** Deadline of an outgoing TCP connect; then 503. */
export const TCP_CONNECT_MS = 8_000;
/** Bytes waiting to be read by a slow TCP peer. Beyond: the connection is closed. */
export const MAX_TCP_BACKLOG_BYTES = 1024 * 1024;
/** Connections to the admin port. Beyond: one without the secret gives way, else NO. */
export const MAX_CLIENTS = 16;
/** TLS connections to the admin port that are no clients yet. Beyond: closed at once. */
export const MAX_TLS_HANDSHAKES = 32;
/** Programs we have connected to (`--outbound`). Beyond: 480. */
export const MAX_OUTBOUND_CLIENTS = 1_000;
/** Questions to a web service about new requests, under way. Beyond: 503. */
export const MAX_QUESTIONS = 1_000;
/** Bytes of its answer, and the time it has for it. Beyond: 500. */
export const MAX_ROUTING_BYTES = 64 * 1024;
export const ROUTING_MS = 4_000;
/** Deadline of such a connect, TLS included; then 480. */
export const OUTBOUND_CONNECT_MS = 4_000;
/** A client's connection, whoever opened it, must authenticate within this, else it is closed. */
export const AUTHENTICATE_MS = 10_000;
/** Bytes of one frame from a client. Beyond: NO and close. */
export const MAX_FRAME_BYTES = 1024 * 1024;
/** Bytes waiting to be read by a slow client. Beyond: it is cut off and counts as gone. */
export const MAX_CLIENT_BACKLOG_BYTES = 64 * 1024 * 1024;
/** Longest time for which a client may have new calls refused by one word. Beyond: this long. */
export const MAX_BUSY_MS = 10_000;
/** Verbs a client may route. Beyond: NO. */
export const MAX_ROUTES = 64;
/**
 * Kinds of clients that are gone and whose calls wait for another. Beyond: the calls of the kind
 * that left first are ended.
 */
export const MAX_ORPHANED_OWNERS = 100;
/** Frames held for the absent owner of one dialog, and for all. Beyond: 480 to the peer. */
export const MAX_HELD_PER_DIALOG = 100;
export const MAX_HELD_FRAMES = 10_000;
/** Life of a held frame; then the peer gets its answer from us. */
export const HELD_MS = 30_000;
/** New requests held while the last client that wanted them is gone. Beyond: 503. */
export const MAX_HELD_REQUESTS = 1_000;
/** How long new requests wait for a client to come back; then 503 with Retry-After. */
export const CLIENT_RETURN_MS = 10_000;
/** One of the same kind that says nothing for so long, not even a ping, is no more. */
export const CLIENT_SILENT_MS = 15_000;
/** A client with other tags adopts orphans only after those with the same had this long. */
export const TAG_PATIENCE_MS = 2_000;
/** Seconds named in Retry-After of our own 503. */
export const RETRY_AFTER_SECONDS = 5;
/** The client must give some answer to a new INVITE within this, else 503. */
export const FIRST_ANSWER_MS = 64_000;
/** An incoming INVITE may ring this long without news from the client, else 480. */
export const RINGING_MS = 600_000;
/** An outgoing INVITE may stay provisional this long, else it is cancelled (Timer C). */
export const PROCEEDING_MS = 600_000;
/** Targets one proxied request may try, redirections included. Beyond: not tried. */
export const MAX_PROXY_TARGETS = 32;
/** Distance between the echo of a request and a response to it that would follow at once. */
export const ECHO_GAP_MS = 10;
/** Names kept in the DNS cache, and the longest time one is believed. */
export const MAX_DNS_ENTRIES = 1_000;
export const DNS_TTL_MS = 60_000;
export const DNS_FAILURE_TTL_MS = 2_000;
export const DNS_DEADLINE_MS = 5_000;
/** A host of several that did not answer is asked after the others for so long. */
export const AVOIDED_MS = 5 * 60_000;
/** Reliable provisional responses waiting for the PRACK of an earlier one. Beyond: NOK. */
export const MAX_QUEUED_RELIABLE = 16;
/** Requests of a client waiting for an ACK of the same dialog. Beyond: sent at once. */
export const MAX_WAITING_FOR_ACK = 8;
/** Call-IDs remembered to keep CSeq rising where the client sets the Call-ID but no CSeq. */
export const MAX_CSEQ_MEMORY = 2_000;
/** Receive buffer asked of the kernel for each UDP socket. */
export const UDP_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** Longest timer of the runtime, about 24 days. Beyond: this long. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
/** Smallest session interval we accept, seconds (RFC 4028 section 5). */
export const MIN_SESSION_SECONDS = 90;
/** Times a failed parse or a defect is written to the log per second; the rest is counted. */
export const MAX_LOG_LINES_PER_SECOND = 50;

/** The store is written anew when it has grown by this and four times what is alive in it. */
export const STORE_COMPACT_BYTES = 16 * 1024 * 1024;
/** What is over is struck out in the store within this, together with what else has ended. */
export const STORE_DROP_MS = 50;
/** A store last written longer ago than this is of calls long over. */
export const STORE_STALE_MS = 60 * 60_000;
/** Records rewritten in one turn of the event loop. */
export const STORE_SLICE = 500;
/** Pause after the store could not be written; meanwhile nothing is kept, everything is served. */
export const STORE_RETRY_MS = 5_000;
/** What belongs to a client that died waits this long for another; then its calls are ended. */
export const ABANDON_MS = 5 * 60_000;
/** The same where the client takes over: an ACD whose disk is full, while its callers hold on. */
export const ABANDON_TAKEOVER_MS = 60 * 60_000;
/** An INVITE dialog restored with its session timer overdue gets this for a late refresh. */
export const RESTORE_GRACE_MS = 10_000;
/** Endings nobody was there to hear of, and how long they are told. Beyond: the oldest goes. */
export const MAX_ENDED = 10_000;
export const ENDED_KEPT_MS = ABANDON_TAKEOVER_MS + 10 * 60_000;
/** Those that a client saw: it is followed by the next one within seconds. */
export const SEEN_KEPT_MS = 15_000;
/** Dialogs told in one answer to `dialogs`. */
export const DIALOGS_PAGE = 500;

/** RFC 3261 section 17.1.1.1, table 4. */
export const T1 = 500;
export const T2 = 4_000;
export const T4 = 5_000;
/** Timers B, D, F, H, J, L and M. */
export const T64 = 64 * T1;
