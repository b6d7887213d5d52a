/**
 * Program: binds a UDP port, tells it, and stops itself. What is sent there is dropped by the
 * kernel at next to no cost once the buffer is full: a caller who hears, without a program that
 * listens. (A port that nobody holds would answer with ICMP errors.)
 */
import dgram from 'node:dgram';

const socket = dgram.createSocket('udp4');
socket.bind(0, '127.0.0.1', () => {
  process.stdout.write(`sink at ${socket.address().port}\n`, () =>
    process.kill(process.pid, 'SIGSTOP'),
  );
});
