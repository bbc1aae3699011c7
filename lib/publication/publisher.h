// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_PUBLISHER_H
#define IOMEMGRANT_PUBLISHER_H

#include <set>
#include <utility>
#include <vector>

#include "lib/host/xenstore.h"
#include "lib/publication/publication.h"

namespace iomemgrant
{

/// Puts publications into XenStore, all of them in one transaction, with the permissions that
/// xen-iomemgrant(7) gives them.  Where a number is taken the next free one is used: returns the
/// paths, in the order of @publications.  When it throws, nothing was published.  Throws Error
/// no-domain when a grantee is gone.
std::vector<PublicationPath> publish(
	XenStore& store, const std::vector<std::pair<PublicationPath, Publication>>& publications);

/// Gives a publication another label.  The guest reads it when it maps the grant the next time.
/// Throws Error no-grant when there is no publication.
void set_label(XenStore& store, const PublicationPath& path, const Label& label);

/// Asks the guest to let go: backend state Closing.  @seen is the backend's state where the caller
/// has read it already.  A publication that is asked already or is fenced is left as it is.
/// Returns whether there is a publication.  A state written just when another command withdraws
/// the publication stays behind as its only node; every revocation therefore ends with withdraw(),
/// and a collector finds what one that was killed has left.
bool announce_closing(
	XenStore& store, const PublicationPath& path, XenbusState seen = XenbusState::unknown);
/// The same for several publications of one grantee, which are neither asked nor fenced yet, in one
/// transaction.  Returns those of them that XenStore has; of the others it writes nothing.
std::set<PublicationPath> announce_closing(
	XenStore& store, const std::vector<PublicationPath>& paths);

/// Takes the references out of a publication, so that no other process of the guest learns them,
/// and sets its state to Closed.
void fence(XenStore& store, const PublicationPath& path);

/// Takes a publication out of XenStore with every directory this leaves empty, in one transaction,
/// so that the store is as it was before publish().  A publication that is not there is no error.
void withdraw(XenStore& store, const PublicationPath& path);
/// Takes publications out of XenStore with two requests each, for a grantee that has others: the
/// directories above stay, empty or not.
void withdraw_beside_others(XenStore& store, const std::vector<PublicationPath>& paths);

/// Removes the directories above the publications of one grantee, those that are empty.
void remove_empty_directories(XenStore& store, Domid granter, Domid grantee);

} // namespace iomemgrant

#endif
