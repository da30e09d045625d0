//! `-I`: holds connections that send nothing, and says when the server lets go of one.

use crate::control::{Control, Greeting, ServerError};
use crate::options::Options;
use crate::run::Found;
use crate::socket::Socket;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Opens the connections, then waits until `stop`. Gives how many the server closed.
///
/// # Errors
/// [`ServerError`] when one cannot be opened.
pub fn hold(options: &Options, server: &Found, stop: &AtomicBool) -> Result<usize, ServerError> {
    println!(
        "Creating {} idle connections and waiting until Ctrl-C",
        options.clients
    );
    let io_error = |source| ServerError::Io {
        address: server.address.clone(),
        source,
    };
    let greeting = Greeting::new(options);
    let mut poll = Poll::new().map_err(io_error)?;
    let mut sockets: Vec<Option<Socket>> = Vec::with_capacity(options.clients);
    for index in 0..options.clients {
        let control = Control::open(&server.address, &server.endpoint, &greeting)?;
        let mut socket = control.into_socket().into_nonblocking().map_err(io_error)?;
        poll.registry()
            .register(&mut socket, Token(index), Interest::READABLE)
            .map_err(io_error)?;
        sockets.push(Some(socket));
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    println!("{} connections are open", sockets.len());
    let mut events = Events::with_capacity(1024);
    let mut closed = 0;
    while !stop.load(Ordering::Relaxed) && closed < sockets.len() {
        match poll.poll(&mut events, Some(Duration::from_millis(100))) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io_error(error)),
        }
        for event in &events {
            let slot = &mut sockets[event.token().0];
            if slot.as_mut().is_some_and(is_closed) {
                *slot = None;
                closed += 1;
                println!(
                    "the server closed a connection; {} are open",
                    sockets.len() - closed
                );
            }
        }
    }
    Ok(closed)
}

/// Passes over what the server may have to say (pushes) until there is no more.
fn is_closed(socket: &mut Socket) -> bool {
    let mut chunk = [0; 4096];
    loop {
        match socket.read(&mut chunk) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}
